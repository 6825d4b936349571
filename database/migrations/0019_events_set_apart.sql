-- Events on which a model failed again and again. Owned by transformer; warehouse/set_apart.py writes it, the staging views read it.
set local role transformer;

create table ops.events_set_apart (
    stream text not null,
    topic_id uuid not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    load_id bigint not null,
    event_key uuid,
    model text not null,
    sqlstate text not null,
    reason text not null,
    event_day date,
    is_recounted boolean not null default true,
    set_apart_at timestamptz not null default clock_timestamp(),
    primary key (stream, topic_id, kafka_partition, kafka_offset)
);
comment on table ops.events_set_apart is
'One row per landed record that no mart counts because a model failed on it: rejected as set_apart until `landfall refresh --retry-set-apart`.';
comment on column ops.events_set_apart.event_key is 'Key of the fact that was taken away; null where the record had not become one.';
comment on column ops.events_set_apart.model is 'The model whose SQL failed as soon as it read this record.';
comment on column ops.events_set_apart.sqlstate is 'What Postgres said, as its code.';
comment on column ops.events_set_apart.reason is 'The code in words, with the constraint it names. Never Postgres'' own sentence, which quotes what events say.';
comment on column ops.events_set_apart.event_day is 'Day (UTC) of the fact that was taken away, whose marts are to be counted again.';
comment on column ops.events_set_apart.is_recounted is 'Whether the marts of event_day were counted again since.';

reset role;
