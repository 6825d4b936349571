-- A log that was cut beneath the ledger and has grown past it again: what the ledger needs to notice it, and what it writes down then.
set local role landing_writer;

alter table landing.offsets
add column last_offset bigint,
add column last_timestamp timestamptz,
add column last_digest bigint;
comment on column landing.offsets.last_offset is
'Offset of the last record that landed or was quarantined; null before the first. What stands there in Kafka is compared with it.';
comment on column landing.offsets.last_timestamp is 'Kafka time of that record; null where its producer wrote none.';
comment on column landing.offsets.last_digest is 'Hash of its key and value, 64 bits.';

create table landing.histories (
    stream text not null references landing.streams,
    kafka_topic_id uuid not null,
    number integer not null check (number >= 0),
    topic_id uuid not null,
    reason text not null check (reason in ('made_again', 'cut')),
    since timestamptz not null default clock_timestamp(),
    primary key (stream, kafka_topic_id, number),
    unique (stream, topic_id)
);
comment on table landing.histories is
'One row each time that the log of a topic was found to be another one than had landed. A topic without a row has always been itself.';
comment on column landing.histories.kafka_topic_id is 'Id of the topic in Kafka.';
comment on column landing.histories.number is '0: the topic as it was made; the highest number is the log that Kafka has now.';
comment on column landing.histories.topic_id is 'The id under which its records land since: Kafka''s own for number 0, else derived from it (UUID of version 5).';
comment on column landing.histories.reason is
'made_again: the topic was deleted and made again. cut: the log lost its end (an unclean leader, a restored disk), grown again or not.';

create view landing.positions as
select
    o.stream,
    coalesce(h.kafka_topic_id, o.topic_id) as kafka_topic_id,
    o.topic_id,
    o.kafka_partition,
    o.next_offset,
    o.last_offset,
    o.last_timestamp,
    o.last_digest
from landing.offsets as o
left join landing.histories as h on h.stream = o.stream and h.topic_id = o.topic_id
where not exists (
    select from landing.histories as later
    where later.stream = o.stream and later.kafka_topic_id = coalesce(h.kafka_topic_id, o.topic_id)
        and later.number > coalesce(h.number, 0)
);
comment on view landing.positions is
'Where each topic stands, by the id that Kafka gives it: the rows of landing.offsets of the log that Kafka has now.';

alter table landing.gaps
add column reason text not null default 'deleted' check (reason in ('deleted', 'cut')),
drop constraint gaps_pkey,
add primary key (stream, topic_id, kafka_partition, from_offset, reason);
comment on table landing.gaps is
'Offsets that Kafka deleted before they could land (retention), or whose records were cut off and replaced. An alarm.';
comment on column landing.gaps.reason is
'deleted: they never landed. cut: they had landed, and Kafka''s log is another one from from_offset on; what the old one had from until_offset on never landed, and nobody knows how much.';

reset role;
