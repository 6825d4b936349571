-- What `landfall retention` has dropped: from then on facts cannot be filled anew from landing, and are left as they are.
set local role transformer;

create table ops.dropped_landing (
    stream text not null,
    landed_on date not null,
    until_load_id bigint not null,
    decided_at timestamptz not null default clock_timestamp(),
    primary key (stream, landed_on)
);
comment on table ops.dropped_landing is
'One row per day partition of a landing table that `landfall retention` dropped, noted before it goes. A full refresh leaves tables alone that were filled from it (macros/materializations/incremental.sql).';
comment on column ops.dropped_landing.landed_on is 'The day, UTC, on which its loads began.';
comment on column ops.dropped_landing.until_load_id is 'Newest load of the stream that landed by the end of that day.';

reset role;
