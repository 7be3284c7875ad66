-- Three members to play with, each with the password "holdfast". Not for an installation in earnest.
INSERT INTO members (email, name, password_hash, balance_cents) VALUES
  ('alice@example.org', 'Alice', '$scrypt$ln=15,r=8,p=1$JbhvuJOg/QwQUe64TOGUIw$uk7JoXmw7VQqhcdSKntzDwrxHAPw3+Zsjjfp1eVMwr8', 10000),
  ('bob@example.org', 'Bob', '$scrypt$ln=15,r=8,p=1$Rm+jwSELStfR+Wk3F7Nbgw$Vw/s0a/amcV4vjkOAwFCKo0QbgoG4zhgSPYLN78BE/U', 10000),
  ('carol@example.org', 'Carol', '$scrypt$ln=15,r=8,p=1$aoEsvNP2sFCZh7ir/UevmQ$7OBAXJyGx9vI9sSZvpnGdO2FvDJczSNrlV3roLi95lw', 10000);
