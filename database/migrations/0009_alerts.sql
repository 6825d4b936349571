-- Who was told of what; and indexes with which a look at the system's health costs the same behind a year as behind a day.
set local role transformer;

create table ops.alerts (
    key text primary key,
    check_name text not null,
    subject text not null,
    severity text not null check (severity in ('warn', 'error')),
    message text not null,
    advice text not null,
    seen_since timestamptz not null,
    last_seen_at timestamptz not null,
    opened_at timestamptz,
    well_since timestamptz,
    resolved_at timestamptz,
    told jsonb not null default '{}'
);
comment on table ops.alerts is
'One row per thing that is wrong, or was until lately: the memory of health/alerts.py, so that nobody is told twice.';
comment on column ops.alerts.key is 'check/subject.';
comment on column ops.alerts.seen_since is 'First look of the present spell at which it was wrong.';
comment on column ops.alerts.opened_at is 'When it had lasted long enough to tell somebody; null: not yet.';
comment on column ops.alerts.well_since is 'First look of the present spell at which it was well again; null: it is wrong.';
comment on column ops.alerts.resolved_at is 'When it had been well for long enough; the row goes once every channel was told.';
comment on column ops.alerts.told is 'By channel, when it was last told of this and with which severity: {"slack": {"at": "…", "severity": "error"}}.';

reset role;
set local role landing_writer;

create index slices_kafka_timestamp on landing.slices (stream, max_kafka_timestamp);
create index quarantine_waiting on landing.quarantine (stream, reason) where replayed_load_id is null;
create index quarantine_replayed on landing.quarantine (stream, replayed_load_id) where replayed_load_id is not null;

reset role;
