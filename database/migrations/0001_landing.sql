-- The ledger of what has landed. Postgres is the authority, not Spark's checkpoint: every table here is
-- written in the same transaction as the rows it speaks of. Owned by landing_writer.
set local role landing_writer;

create table landing.streams (
    stream text primary key,
    topic text not null,
    last_load_id bigint not null default 0 check (last_load_id >= 0),
    created_at timestamptz not null default clock_timestamp()
);
comment on table landing.streams is
'One row per stream. Its row lock orders the drawing of load ids over all doors, so that ids become visible in order.';

create table landing.writers (
    stream text not null references landing.streams,
    door text not null check (door in ('stream', 'file', 'replay', 'change')),
    generation bigint not null default 0 check (generation >= 0),
    owner uuid,
    started_at timestamptz,
    primary key (stream, door)
);
comment on table landing.writers is
'One row per stream and door. Only the newest generation may write; an older one finds itself fenced. owner: its process.';

create table landing.loads (
    stream text not null references landing.streams,
    load_id bigint not null check (load_id > 0),
    door text not null,
    generation bigint not null,
    state text not null default 'open' check (state in ('open', 'finished', 'sealed')),
    kind text not null default 'events' check (kind in ('events', 'change')),
    landed_at timestamptz not null,
    finished_at timestamptz,
    primary key (stream, load_id),
    foreign key (stream, door) references landing.writers
);
comment on table landing.loads is
'One row per load (a micro-batch). An open load holds readers back; a sealed one was left open by a writer that died.';
create index loads_open on landing.loads (stream, load_id) where state = 'open';

create table landing.offsets (
    stream text not null references landing.streams,
    topic_id uuid not null,
    kafka_partition integer not null check (kafka_partition >= 0),
    first_offset bigint not null,
    next_offset bigint not null,
    primary key (stream, topic_id, kafka_partition),
    check (next_offset >= first_offset)
);
comment on table landing.offsets is 'One row per Kafka partition: everything below next_offset has landed, or is a recorded gap.';

create table landing.slices (
    stream text not null,
    load_id bigint not null,
    topic_id uuid not null,
    kafka_partition integer not null,
    from_offset bigint not null,
    until_offset bigint not null,
    landed bigint not null check (landed >= 0),
    quarantined bigint not null check (quarantined >= 0),
    holes bigint not null check (holes >= 0),
    min_kafka_timestamp timestamptz,
    max_kafka_timestamp timestamptz,
    committed_at timestamptz not null default clock_timestamp(),
    primary key (stream, load_id, topic_id, kafka_partition),
    foreign key (stream, load_id) references landing.loads,
    check (until_offset > from_offset),
    constraint slices_add_up check (landed + quarantined + holes = until_offset - from_offset)
);
comment on table landing.slices is 'One row per committed slice: the span of offsets of one Kafka partition within one load, fully accounted for.';

create table landing.gaps (
    stream text not null references landing.streams,
    topic_id uuid not null,
    kafka_partition integer not null,
    from_offset bigint not null,
    until_offset bigint not null,
    detected_at timestamptz not null default clock_timestamp(),
    primary key (stream, topic_id, kafka_partition, from_offset),
    check (until_offset > from_offset)
);
comment on table landing.gaps is 'Offsets that Kafka deleted before they could land (retention). Never empty by design: an alarm.';

create table landing.quarantine (
    stream text not null,
    load_id bigint not null,
    topic_id uuid not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    kafka_timestamp timestamptz,
    kafka_key bytea,
    landed_at timestamptz not null,
    reason text not null,
    detail text,
    value bytea,
    replayed_load_id bigint
);
comment on table landing.quarantine is 'Records that cannot be landed as rows, byte for byte, each with its reason. replayed_load_id is the load of its replay.';
create index quarantine_position on landing.quarantine (stream, topic_id, kafka_partition, kafka_offset);
create index quarantine_load on landing.quarantine (stream, load_id);

create view landing.horizons as
select
    s.stream,
    coalesce(
        (select min(o.load_id) - 1 from landing.loads as o where o.stream = s.stream and o.state = 'open'),
        s.last_load_id
    ) as hi
from landing.streams as s;
comment on view landing.horizons is
'The highest load with no open load at or below it: readers take load_id > lo and load_id <= hi, so nothing overtakes them.';

reset role;
