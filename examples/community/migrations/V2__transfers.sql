CREATE TABLE transfers (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  from_member BIGINT UNSIGNED NOT NULL,
  to_member BIGINT UNSIGNED NOT NULL,
  cents BIGINT NOT NULL,
  memo VARCHAR(512) NOT NULL DEFAULT '',
  -- Chosen by the sender, so that a repeated request is executed once; NULL if none was given.
  idempotency_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  UNIQUE KEY transfers_once (from_member, idempotency_key),
  KEY transfers_from (from_member, id),
  KEY transfers_to (to_member, id),
  CONSTRAINT transfers_from_member FOREIGN KEY (from_member) REFERENCES members (id),
  CONSTRAINT transfers_to_member FOREIGN KEY (to_member) REFERENCES members (id),
  CONSTRAINT transfers_positive CHECK (cents > 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
