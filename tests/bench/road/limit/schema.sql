-- service: reporting
CREATE TABLE report (id text PRIMARY KEY, unit text NOT NULL, round text NOT NULL, body text NOT NULL);
CREATE TABLE outbox (position bigserial PRIMARY KEY, id text NOT NULL UNIQUE, body text NOT NULL, sent boolean NOT NULL DEFAULT false);
CREATE INDEX unsent ON outbox (position) WHERE NOT sent;
-- service: evaluation
CREATE TABLE inbox (id text PRIMARY KEY);
CREATE TABLE score (report text PRIMARY KEY, unit text NOT NULL, points bigint NOT NULL);
CREATE TABLE total (unit text PRIMARY KEY, reports bigint NOT NULL, points bigint NOT NULL);
CREATE TABLE outbox (position bigserial PRIMARY KEY, id text NOT NULL UNIQUE, body text NOT NULL, sent boolean NOT NULL DEFAULT false);
CREATE INDEX unsent ON outbox (position) WHERE NOT sent;
-- service: notification
CREATE TABLE inbox (id text PRIMARY KEY);
CREATE TABLE letter (report text PRIMARY KEY, unit text NOT NULL, body text NOT NULL);
