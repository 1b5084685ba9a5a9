-- Whom a provider of identities has vouched for in a sign-in that waits for its second factor: the name is bound to the user
-- when they are let in, and not before.
ALTER TABLE pending_sign_ins ADD COLUMN issuer TEXT COLLATE "C";
ALTER TABLE pending_sign_ins ADD COLUMN subject TEXT COLLATE "C" CHECK ((subject IS NULL) = (issuer IS NULL));
