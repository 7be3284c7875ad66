/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*M!100100 SET @a = 1 */;
/*! SELECT 1 */ ;
SELECT 1 /*! + 1 */ /*M! + 1 */ /*!999999 + nonsense */;
SELECT 'x' /*!40101 ' y' */;
CREATE TABLE IF NOT EXISTS hard_hint (id INT) /*!40101 ENGINE=InnoDB */ /*!40101 COMMENT='a;b' */;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=CURRENT_USER*/ /*!50003 TRIGGER hard_hint_insert BEFORE INSERT ON hard_hint FOR EACH ROW
BEGIN
  SET NEW.id = NEW.id + 1; -- ; still inside
  /* ; */
END */;;
DELIMITER ;
/*!50003 SET sql_mode = '' */ ;
/*M!999999\- not run by any server yet */;
SELECT 2;
