SELECT 'one
string';
-- a comment;
DELIMITER //
SELECT 1;
SELECT 2//
DELIMITER ;
SELECT 3 -- ;
+ 4;
/* ;
 */SELECT 5;
