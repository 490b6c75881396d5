#!/bin/sh
# Run once by PostgreSQL's image on an empty database: a role and a schema for each service, which sees no other's.
set -eu
folder=${SECRETS:-/run/secrets}
for service in registration reporting evaluation notification; do
    psql -q -v ON_ERROR_STOP=1 -v service="$service" -v password="$(cat "$folder/$service.password")" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
SELECT current_database() AS here \gset
GRANT CREATE ON DATABASE :"here" TO :"service";
CREATE SCHEMA :"service" AUTHORIZATION :"service";
SQL
done
psql -q -v ON_ERROR_STOP=1 -c 'REVOKE ALL ON SCHEMA public FROM PUBLIC'
