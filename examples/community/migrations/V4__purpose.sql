-- What a transfer is for is called its purpose from now on. While instances of the version before run too, each version
-- writes the name that it knows, and the other one is filled in.
ALTER TABLE transfers ADD COLUMN purpose VARCHAR(512) NOT NULL DEFAULT '';

CREATE TRIGGER transfers_both_names BEFORE INSERT ON transfers FOR EACH ROW
  SET NEW.purpose = IF(NEW.purpose = '', NEW.memo, NEW.purpose), NEW.memo = NEW.purpose;

-- Those from before the trigger.
UPDATE transfers SET purpose = memo WHERE purpose = '' AND memo <> '';
