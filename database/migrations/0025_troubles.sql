-- What holds a part of the system up and does not pass by itself: for `landfall status`, the checks and the alerts.
set local role transformer;

create table ops.troubles (
    part text primary key,
    kind text not null check (kind in ('passing', 'person', 'bug')),
    sentence text not null,
    advice text not null,
    since timestamptz not null default clock_timestamp(),
    last_tried_at timestamptz not null default clock_timestamp()
);
comment on table ops.troubles is
'One row per part that is held up, until a try succeeds: the landing of a stream, the enricher, the refresh. Written by database/recovery.py.';
comment on column ops.troubles.part is 'Such as `stream web_logs`, `enricher`, `refresh`.';
comment on column ops.troubles.kind is
'person: somebody has to mend something; bug: the process ended; passing: it should pass, and has lasted for minutes.';
comment on column ops.troubles.since is 'When it began, by what was noted.';
comment on column ops.troubles.last_tried_at is 'Where that is minutes ago, nobody tries any more: the part was stopped or killed.';

reset role;
