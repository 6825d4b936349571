-- The files that landed through the file door: a row's topic_id leads to its file.
set local role landing_writer;

create table landing.files (
    stream text not null references landing.streams,
    topic_id uuid not null,
    name text not null,
    format text not null check (format in ('jsonl', 'csv', 'parquet')),
    bytes bigint not null check (bytes >= 0),
    lines bigint check (lines >= 0),
    first_seen timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (stream, topic_id)
);
comment on table landing.files is
'One row per file of a stream that `landfall ingest` has begun to land. Its records have this topic_id, partition 0, and as kafka_offset their number in the file, from 0.';
comment on column landing.files.topic_id is 'Hash of the content and the format, a UUID of version 8; topics of Kafka have version 4.';
comment on column landing.files.name is 'As it was named first; the same content under another name is the same file.';
comment on column landing.files.bytes is 'Size as stored, compressed or not.';
comment on column landing.files.lines is 'Records in it, once all have landed.';
comment on column landing.files.finished_at is 'When all of it had landed; null while it is under way, or was interrupted: the same command goes on.';

-- A process that was killed leaves its load open, which holds readers back. `landfall land` seals its own as it starts again; the
-- doors that nobody may come back to hold a lock as long as they live (landing_stream/abandoned.py).
create function landing.seal_abandoned() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
declare
    left_open record;
    sealed bigint := 0;
    at_once bigint;
begin
    for left_open in
        select distinct stream, door, generation from landing.loads where state = 'open' and door in ('file', 'replay')
    loop
        if pg_try_advisory_xact_lock(
            hashtextextended(format('landfall.landing.holder/%s/%s/%s', left_open.stream, left_open.door, left_open.generation), 0)
        ) then
            update landing.loads set state = 'sealed', finished_at = clock_timestamp()
            where stream = left_open.stream and door = left_open.door and generation = left_open.generation and state = 'open';
            get diagnostics at_once = row_count;
            sealed := sealed + at_once;
        end if;
    end loop;
    return sealed;
end
$$;
comment on function landing.seal_abandoned() is
'Seals loads that a killed `landfall ingest` or `landfall quarantine replay` left open; returns how many. What they had committed stays, whole.';
revoke all on function landing.seal_abandoned() from public;
grant execute on function landing.seal_abandoned() to transformer;

reset role;
