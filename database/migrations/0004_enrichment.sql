-- What is known of user agents, addresses and referrers; how a change of it reaches the models; and the horizon of both.
set local role landing_writer;

create function landing.draw_change(of_stream text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
declare
    drawn bigint;
begin
    insert into landing.writers (stream, door, generation) values (of_stream, 'change', 1) on conflict do nothing;
    update landing.streams set last_load_id = last_load_id + 1 where stream = of_stream returning last_load_id into drawn;
    if drawn is null then
        raise exception 'there is no stream %', of_stream;
    end if;
    insert into landing.loads (stream, load_id, door, generation, state, kind, landed_at, finished_at)
    values (of_stream, drawn, 'change', 1, 'finished', 'change', clock_timestamp(), clock_timestamp());
    return drawn;
end
$$;
comment on function landing.draw_change is
'Draws a load without rows, finished from the start: facts that a change concerns take its number (changed_load_id), so that the models read them again. Holds the stream''s row until the commit: call it last.';
revoke all on function landing.draw_change from public;
grant execute on function landing.draw_change to transformer;

reset role;
set local role transformer;

create table ops.pseudonym_salt (
    salt text not null,
    is_only_row boolean primary key default true check (is_only_row)
);
insert into ops.pseudonym_salt (salt) values (gen_random_uuid()::text || gen_random_uuid()::text);
comment on table ops.pseudonym_salt is 'The secret that addresses and e-mails are hashed with. One row.';

create table ops.changes (
    stream text not null,
    load_id bigint not null,
    kind text not null,
    key uuid not null,
    primary key (stream, load_id, kind, key)
);
comment on table ops.changes is
'One row per change load and thing that it concerns: facts with this key take the load''s number, so that the models read them again.';
comment on column ops.changes.kind is 'What the key is of: user_agent, ip, referrer_host, device, user, email.';

create table enrichment.progress (
    stream text primary key,
    position bigint not null default 0 check (position >= 0),
    updated_at timestamptz not null default clock_timestamp()
);
comment on table enrichment.progress is
'One row per stream: every load up to position is enriched. Models read no further, so no mart shows an event whose user agent is not parsed.';

create table enrichment.user_agent (
    user_agent_key uuid primary key,
    user_agent text not null,
    browser text not null,
    browser_version text,
    os text not null,
    os_version text,
    device text not null,
    is_bot boolean not null,
    bot_class text,
    bot_reason text,
    rules text not null,
    enriched_at timestamptz not null default clock_timestamp(),
    check (is_bot = (bot_reason is not null))
);
comment on table enrichment.user_agent is 'One row per user agent of any stream, by the md5 of its text. rules: the version of what it was parsed with.';

create table enrichment.location (
    location_key uuid primary key,
    country_code text,
    country_name text not null,
    region text not null,
    city text not null
);
comment on table enrichment.location is 'One row per country, region and city that addresses lie in; (none) where the geo file does not say.';

create table enrichment.ip_address (
    ip_key uuid primary key,
    ip_address text,
    location_key uuid not null references enrichment.location,
    rules text not null,
    enriched_at timestamptz not null default clock_timestamp()
);
comment on table enrichment.ip_address is
'One row per address, by its salted hash. ip_address is full until `landfall retention` shortens it; rules: the geo file it was looked up in.';

create table enrichment.referrer_host (
    referrer_host_key uuid primary key,
    referrer_host text not null,
    medium text not null,
    source text,
    rules text not null,
    enriched_at timestamptz not null default clock_timestamp()
);
comment on table enrichment.referrer_host is 'One row per host of a referrer: search, social, ai, email or other, and whose it is. Hosts of the shops themselves are told apart in dbt.';

create view ops.horizons as
select
    h.stream,
    h.hi as landed_hi,
    least(h.hi, coalesce(p.position, 0)) as hi
from landing.horizons as h
left join enrichment.progress as p on p.stream = h.stream;
comment on view ops.horizons is
'One row per stream: the newest load that models may read. It has landed (no open load at or below it) and is enriched.';

reset role;
