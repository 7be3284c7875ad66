-- The schema that the old version of a community currency works on, with rows for its queries to find.

CREATE TABLE members (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email VARCHAR(254) NOT NULL,
  name VARCHAR(100) NOT NULL,
  phone VARCHAR(30) NULL,
  status ENUM('invited', 'active', 'suspended', 'left') NOT NULL DEFAULT 'invited',
  language CHAR(2) CHARACTER SET ascii NOT NULL DEFAULT 'de',
  birthday DATE NULL,
  interests SET('garden', 'repair', 'cooking', 'care', 'transport') NOT NULL DEFAULT '',
  is_admin BOOLEAN NOT NULL DEFAULT FALSE,
  notes TEXT NULL,
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  UNIQUE KEY members_email (email),
  KEY members_name (name),
  KEY members_status (status, created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE accounts (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  -- None for the accounts of the community itself.
  member_id BIGINT UNSIGNED NULL,
  kind ENUM('personal', 'business', 'community') NOT NULL DEFAULT 'personal',
  number CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  balance_cents BIGINT NOT NULL DEFAULT 0,
  credit_limit_cents INT NOT NULL DEFAULT 10000,
  version INT UNSIGNED NOT NULL DEFAULT 0,
  opened_on DATE NOT NULL DEFAULT '2024-01-01',
  UNIQUE KEY accounts_number (number),
  KEY accounts_member (member_id, kind),
  CONSTRAINT accounts_owner FOREIGN KEY (member_id) REFERENCES members (id),
  CONSTRAINT accounts_limit CHECK (balance_cents >= -credit_limit_cents)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE categories (
  id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  code VARCHAR(20) NOT NULL,
  title VARCHAR(80) NOT NULL,
  parent_id SMALLINT UNSIGNED NULL,
  position INT NOT NULL DEFAULT 0,
  UNIQUE KEY categories_code (code)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE transfers (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  from_account INT UNSIGNED NOT NULL,
  to_account INT UNSIGNED NOT NULL,
  cents BIGINT NOT NULL,
  fee_cents INT NOT NULL DEFAULT 0,
  memo VARCHAR(512) NOT NULL DEFAULT '',
  category_id SMALLINT UNSIGNED NULL,
  state ENUM('pending', 'booked', 'cancelled') NOT NULL DEFAULT 'pending',
  idempotency_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  booked_at DATETIME(3) NULL,
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  UNIQUE KEY transfers_once (from_account, idempotency_key),
  KEY transfers_to (to_account, id),
  CONSTRAINT transfers_from_account FOREIGN KEY (from_account) REFERENCES accounts (id),
  CONSTRAINT transfers_to_account FOREIGN KEY (to_account) REFERENCES accounts (id),
  CONSTRAINT transfers_category FOREIGN KEY (category_id) REFERENCES categories (id),
  CONSTRAINT transfers_positive CHECK (cents > 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE transfer_entries (
  transfer_id BIGINT UNSIGNED NOT NULL,
  account_id INT UNSIGNED NOT NULL,
  cents BIGINT NOT NULL,
  PRIMARY KEY (transfer_id, account_id),
  KEY transfer_entries_account (account_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE offers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  member_id BIGINT UNSIGNED NOT NULL,
  category_id SMALLINT UNSIGNED NULL,
  title VARCHAR(120) NOT NULL,
  description TEXT NULL,
  price_cents INT NULL,
  -- Nobody reads or writes it any more.
  unit VARCHAR(20) CHARACTER SET latin1 NOT NULL DEFAULT 'hour',
  expires_on DATE NULL,
  attributes JSON NULL,
  KEY offers_member (member_id),
  FULLTEXT KEY offers_text (title, description),
  CONSTRAINT offers_owner FOREIGN KEY (member_id) REFERENCES members (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE invitations (
  token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  email VARCHAR(254) NOT NULL,
  invited_by BIGINT UNSIGNED NULL,
  used_at DATETIME NULL,
  created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE settings (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  value VARCHAR(1000) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE exchange_rates (
  currency CHAR(3) CHARACTER SET ascii NOT NULL,
  valid_from DATE NOT NULL,
  rate DECIMAL(12, 6) NOT NULL,
  PRIMARY KEY (currency, valid_from)
) ENGINE = InnoDB;

CREATE TABLE audit_log (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  member_id BIGINT UNSIGNED NULL,
  action VARCHAR(40) CHARACTER SET ascii NOT NULL,
  details LONGTEXT NULL,
  at DATETIME(3) NOT NULL,
  KEY audit_log_at (at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

-- Left behind by a feature that is gone.
CREATE TABLE newsletter_issues (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  subject VARCHAR(200) NOT NULL,
  sent_at DATETIME NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE SEQUENCE receipt_numbers START WITH 1000 NOCACHE;

CREATE VIEW member_balances AS
  SELECT m.id AS member_id, m.name, a.number, a.balance_cents
  FROM members m JOIN accounts a ON a.member_id = m.id;

CREATE VIEW open_offers AS
  SELECT o.id, o.title, o.price_cents, m.name AS offered_by, c.code AS category
  FROM offers o JOIN members m ON m.id = o.member_id LEFT JOIN categories c ON c.id = o.category_id
  WHERE o.expires_on IS NULL OR o.expires_on >= '2026-01-01';

CREATE VIEW newsletter_addresses AS SELECT email FROM members WHERE status = 'active';

CREATE TRIGGER members_email_lower BEFORE INSERT ON members FOR EACH ROW SET NEW.email = LOWER(NEW.email);

CREATE TRIGGER accounts_version BEFORE UPDATE ON accounts FOR EACH ROW SET NEW.version = OLD.version + 1;

DELIMITER //
CREATE TRIGGER transfers_entries AFTER INSERT ON transfers FOR EACH ROW
BEGIN
  INSERT INTO transfer_entries VALUES (NEW.id, NEW.from_account, -NEW.cents);
  INSERT INTO transfer_entries VALUES (NEW.id, NEW.to_account, NEW.cents);
END//

CREATE FUNCTION fee_of(amount BIGINT) RETURNS INT DETERMINISTIC
BEGIN
  RETURN GREATEST(1, amount DIV 100);
END//

CREATE PROCEDURE book_transfer(IN which BIGINT UNSIGNED)
BEGIN
  DECLARE amount BIGINT;
  DECLARE payer, payee INT UNSIGNED;
  SELECT cents, from_account, to_account INTO amount, payer, payee
    FROM transfers WHERE id = which AND state = 'pending' FOR UPDATE;
  IF amount IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such pending transfer';
  END IF;
  UPDATE accounts SET balance_cents = balance_cents - amount WHERE id = payer;
  UPDATE accounts SET balance_cents = balance_cents + amount WHERE id = payee;
  UPDATE transfers SET state = 'booked', booked_at = created_at, fee_cents = fee_of(amount) WHERE id = which;
END//

CREATE PROCEDURE send_newsletter(IN issue INT UNSIGNED)
BEGIN
  UPDATE newsletter_issues SET sent_at = NOW() WHERE id = issue;
END//
DELIMITER ;

CREATE EVENT forget_invitations ON SCHEDULE EVERY 1 DAY
  DO DELETE FROM invitations WHERE used_at < NOW() - INTERVAL 1 YEAR;

INSERT INTO members (id, email, name, phone, status, language, birthday, interests, is_admin, notes, created_at, updated_at) VALUES
  (1, 'anna@example.org', 'Anna Ähre', '+49 170 1', 'active', 'de', '1980-03-02', 'garden,cooking', 1, 'founder', '2025-01-05 10:00:00.125', '2025-01-05 10:00:00.125'),
  (2, 'bernd@example.org', 'bernd Öst', NULL, 'active', 'de', '1975-11-30', 'repair', 0, NULL, '2025-01-06 11:00:00', '2025-02-01 08:00:00'),
  (3, 'celine@example.org', 'Céline Dupont', '+33 6 2', 'suspended', 'fr', '1990-03-17', '', 0, 'asked to pause', '2025-02-01 12:00:00', '2025-02-01 12:00:00'),
  (4, 'zoe@example.org', 'Zoe', NULL, 'invited', 'en', NULL, 'care,transport', 0, NULL, '2025-03-01 09:30:00', '2025-03-01 09:30:00'),
  (5, 'aaron@example.org', 'aaron', '+44 20 3', 'left', 'en', NULL, '', 0, NULL, '2025-03-02 09:30:00', '2025-04-01 09:30:00');

INSERT INTO accounts (id, member_id, kind, number, balance_cents, credit_limit_cents, version, opened_on) VALUES
  (1, NULL, 'community', 'C000000001', 0, 1000000, 0, '2025-01-01'),
  (2, 1, 'personal', 'P000000002', 12500, 10000, 3, '2025-01-05'),
  (3, 2, 'personal', 'P000000003', -500, 10000, 7, '2025-01-06'),
  (4, 3, 'business', 'B000000004', 0, 50000, 0, '2025-02-01'),
  (5, 4, 'personal', 'P000000005', 0, 10000, 0, '2025-03-01');

INSERT INTO categories (id, code, title, parent_id, position) VALUES
  (1, 'garden', 'Garden', NULL, 1), (2, 'repair', 'Repairs', NULL, 2), (3, 'bicycle', 'Bicycles', 2, 3), (4, 'gift', 'Gifts', NULL, 3);

INSERT INTO transfers (id, from_account, to_account, cents, fee_cents, memo, category_id, state, idempotency_key, booked_at, created_at) VALUES
  (1, 2, 3, 1500, 15, 'Mowing the lawn', 1, 'booked', 'key-1', '2025-04-01 10:00:00', '2025-04-01 09:59:00'),
  (2, 3, 2, 2000, 20, 'Repairing a bicycle', 3, 'booked', 'key-2', '2025-04-03 10:00:00', '2025-04-03 09:59:00'),
  (3, 2, 4, 700, 0, 'Jam', NULL, 'pending', 'key-3', NULL, '2025-05-01 09:59:00'),
  (4, 4, 2, 300, 0, 'By mistake', 4, 'cancelled', NULL, NULL, '2025-05-02 09:59:00');

INSERT INTO offers (id, member_id, category_id, title, description, price_cents, expires_on, attributes) VALUES
  (1, 1, 1, 'Mowing lawns', 'Any garden, with my own machine', 1500, NULL, '{"distance": 10}'),
  (2, 2, 3, 'Bicycle repairs', 'Flat tyres, brakes, lights', 2000, '2026-12-31', '{"distance": 25}'),
  (3, 2, NULL, 'Old books', 'To be fetched', NULL, '2025-06-30', NULL),
  (4, 5, 4, 'A chair', NULL, NULL, NULL, NULL);

INSERT INTO invitations (token, email, invited_by, used_at, created_at) VALUES
  ('7d1f3c9e-0000-4000-8000-000000000001', 'zoe@example.org', 1, '2025-03-01 09:30:00', '2025-02-20 10:00:00'),
  ('7d1f3c9e-0000-4000-8000-000000000002', 'new@example.org', 2, NULL, '2025-05-20 10:00:00');

INSERT INTO settings (name, value) VALUES ('community.name', 'Tauschring Nord'), ('transfer.limit', '100000');

INSERT INTO exchange_rates (currency, valid_from, rate) VALUES ('EUR', '2025-01-01', 1.083000), ('EUR', '2025-07-01', 1.171250);

INSERT INTO audit_log (id, member_id, action, details, at) VALUES
  (1, 1, 'login', '{"agent": "browser"}', '2025-05-01 08:00:00'), (2, 2, 'transfer', 'transfer 2', '2025-05-03 08:00:00.500');
