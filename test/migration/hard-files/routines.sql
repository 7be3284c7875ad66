CREATE TABLE hard (id INT PRIMARY KEY AUTO_INCREMENT, begin INT, end INT, note VARCHAR(50));

DELIMITER //

CREATE OR REPLACE PROCEDURE hard_walk(IN start INT, OUT total INT)
  COMMENT 'walks; from the start'
BEGIN
  DECLARE finished INT DEFAULT 0;
  DECLARE found INT;
  DECLARE rows_of CURSOR FOR SELECT id FROM hard WHERE id >= start;
  DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN SET finished = 1; END;
  SET total = 0;
  OPEN rows_of;
  walk: LOOP
    FETCH rows_of INTO found;
    IF finished THEN LEAVE walk; END IF;
    CASE WHEN found > 10 THEN SET total = total + 10;
         ELSE SET total = total + CASE found WHEN 1 THEN 1 ELSE found END;
    END CASE;
  END LOOP walk;
  CLOSE rows_of;
  FOR i IN 1..3 DO SET total = total + i; END FOR;
  WHILE total < 5 DO SET total = total + 1; END WHILE;
  REPEAT SET total = total + 1; UNTIL total > 10 END REPEAT;
END//

CREATE OR REPLACE FUNCTION hard_name(n INT) RETURNS VARCHAR(50) DETERMINISTIC
BEGIN
  IF n = 0 THEN RETURN 'none; at all'; ELSEIF n = 1 THEN RETURN "one"; ELSE RETURN 'many'; END IF;
END//

CREATE OR REPLACE TRIGGER hard_insert BEFORE INSERT ON hard FOR EACH ROW
BEGIN
  SET NEW.begin = NEW.end; SET NEW.note = IF(NEW.note = '', ';', NEW.note);
END//

CREATE OR REPLACE EVENT hard_sweep ON SCHEDULE EVERY 1 DAY DISABLE DO
BEGIN
  DELETE FROM hard WHERE id < 0; -- nothing
  UPDATE hard SET note = '//' WHERE id < -1;
END

//
BEGIN NOT ATOMIC
  DECLARE x INT DEFAULT 1;
  IF x = 1 THEN INSERT INTO hard (end) VALUES (x); END IF;
END//
DELIMITER ;

CREATE FUNCTION hard_one() RETURNS INT RETURN 1;
CREATE TRIGGER hard_update BEFORE UPDATE ON hard FOR EACH ROW SET NEW.note = 'x;';
CALL hard_walk(1, @total);
SELECT begin, end FROM hard;
DROP FUNCTION hard_one;
