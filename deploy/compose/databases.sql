-- Run once by the Postgres image, on an empty volume, as its superuser. Everything else is made by `landfall migrate`.
-- Passwords come from files, and stand in no environment and no argument list.
\set landfall_admin_password `cat /run/secrets/landfall_admin_password`
\set dagster_password `cat /run/secrets/dagster_password`

-- No superuser: it owns its database and makes the roles that Landfall runs as.
create role landfall_admin login createrole password :'landfall_admin_password';
create database landfall owner landfall_admin;

create role dagster login password :'dagster_password';
create database dagster owner dagster;
revoke connect on database dagster from public;

-- What every login of any Postgres may do: hold advisory locks that others wait for, and write large objects. Only those
-- who write keep the locks: `landfall migrate` hands them on.
\connect landfall
do $$
declare
    name text;
begin
    for name in
        select oid::regprocedure::text from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$)'
    loop
        execute format('revoke execute on function %s from public', name);
        execute format('grant execute on function %s to landfall_admin with grant option', name);
    end loop;
end
$$;
