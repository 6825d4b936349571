-- What the enricher could not judge, and when it ended against its will: neither may stop the models, and neither may go unseen.
set local role transformer;

create table ops.texts_set_apart (
    kind text not null,
    key uuid not null,
    reason text not null,
    rules text not null,
    set_apart_at timestamptz not null default clock_timestamp(),
    primary key (kind, key)
);
comment on table ops.texts_set_apart is
'One row per user agent, address or referrer host on which the rules fail. In enrichment.* it stands as one that nothing is known of, or keeps what was known. Another version of the rules tries it again.';
comment on column ops.texts_set_apart.kind is 'user_agent, ip or referrer_host.';
comment on column ops.texts_set_apart.key is 'Its key in the table of enrichment: the text itself may be somebody''s address.';
comment on column ops.texts_set_apart.reason is 'The kind of failure and where it happened, without the text.';
comment on column ops.texts_set_apart.rules is 'Version of the rules that failed.';

create table ops.enricher_failures (
    noted_at timestamptz not null default clock_timestamp(),
    reason text not null
);
comment on table ops.enricher_failures is
'One row per end of the process beside a landing that enriches, other than because it was told to; of the last day. The one that was started after it writes it.';
comment on column ops.enricher_failures.reason is 'How it ended: by a signal, with an exit code, or without a sign of life.';
create index enricher_failures_noted_at on ops.enricher_failures (noted_at);

reset role;
