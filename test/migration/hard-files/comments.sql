-- A comment with a quote: it's; and a delimiter
# Another; one
/* one; over
   two lines: "; */
SELECT 1 /* ; */ + 2;
SELECT 1 -- ; ' " `
  + 2 # ; ' " `
  + 3;
SELECT 5--1;
SELECT 4*/* ' */2;
SELECT 8 /*/ not closed by this; */ / 4;
SELECT /**/ 1;
/* a *//* b */ SELECT /* c */ 'd' /* e */;
--------------------------------
-- a heading
--------------------------------
SELECT '-- no comment', "# none", '/* none', `x` FROM (SELECT 1 AS `x`) t;
--
SELECT 1 --
;
--no space
SELECT 2 --1
;
;; ;
/*+ not a hint; */ SELECT 3;
SELECT 6 -- without an end
