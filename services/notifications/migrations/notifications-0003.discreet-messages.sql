-- depends: notifications-0002.offers
-- Messages about labelled visits name neither visit nor time. docs/decisions/0070-who-sees-what.md.

ALTER TABLE messages ADD COLUMN discreet boolean NOT NULL DEFAULT false;
