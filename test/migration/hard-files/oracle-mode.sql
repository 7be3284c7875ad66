SET sql_mode = ORACLE;
DELIMITER //
CREATE OR REPLACE PACKAGE hard_package AS
  limit_cents INT := 100;
  FUNCTION fee(cents INT) RETURN INT;
  PROCEDURE book(cents INT);
END//
CREATE OR REPLACE PACKAGE BODY hard_package AS
  calls INT := 0;
  FUNCTION fee(cents INT) RETURN INT AS
  BEGIN
    calls := calls + 1;
    RETURN CASE WHEN cents > limit_cents THEN 2 ELSE 1 END;
  END;
  PROCEDURE book(cents INT) AS
    amount INT;
  BEGIN
    amount := cents - fee(cents);
    DBMS_OUTPUT.PUT_LINE("a;b" || '\;');
  EXCEPTION
    WHEN OTHERS THEN NULL;
  END;
BEGIN
  calls := 0;
END//
CREATE OR REPLACE PROCEDURE hard_oracle(a IN INT, b OUT INT) AS
  c INT := 1;
BEGIN
  <<outer_loop>>
  FOR i IN 1..3 LOOP c := c + i; END LOOP;
  b := a + c;
  GOTO finish;
  <<finish>>
  NULL;
END//
DELIMITER ;
SELECT "\"; SELECT 'a''b\';c';
SET sql_mode = DEFAULT;
SELECT "\";", 'a\';b';
