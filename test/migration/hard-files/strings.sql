SELECT 'a;b', "c;d", `e;f` FROM (SELECT 1 AS `e;f`) t;
SELECT 'it''s;', "say ""hi;""", 'it\'s;', "say \"hi;\"";
SELECT 'back\\', "slash\\"; SELECT '\\\';', '\\\\';
SELECT 'a
-- no comment;
/* none;
# none;
DELIMITER //
', "b
;
";
SELECT '' '', "", 'x' 'y;' "z;";
SELECT `a``b;` FROM (SELECT 1 AS `a``b;`) t;
SELECT `back\` FROM (SELECT 1 AS `back\`) t;
SELECT '日本;語', "ü;", `ö` FROM (SELECT 1 AS `ö`) t;
SELECT N'n;', X'3B', x'3b', b'111011', _utf8mb4'ü;', _latin1';';
SELECT '%;\_;\%', 'tab\t;', 'nul\0;', '\Z;';
SELECT \N;
SELECT "'", '"', '`', "`", '''', """";
