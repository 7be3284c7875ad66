-- holdfast: contract
-- Only the version before knows the old name, and none of its instances is left.
DROP TRIGGER transfers_both_names;

ALTER TABLE transfers DROP COLUMN memo;
