CREATE TABLE members (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  -- Normalised by the application: lower case, ASCII.
  email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(100) NOT NULL,
  password_hash VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- A new member is welcomed with 10.00.
  balance_cents BIGINT NOT NULL DEFAULT 1000,
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  UNIQUE KEY members_email (email),
  CONSTRAINT members_no_overdraft CHECK (balance_cents >= 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
