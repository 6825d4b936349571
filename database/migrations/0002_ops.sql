-- What the models have read. Owned by transformer; dbt_project/macros/progress.sql is the only writer.
set local role transformer;

create table ops.run_horizon (
    invocation_id text not null,
    stream text not null,
    hi bigint not null check (hi >= 0),
    captured_at timestamptz not null default clock_timestamp(),
    primary key (invocation_id, stream)
);
comment on table ops.run_horizon is
'One row per dbt invocation and stream: the newest load that this run may read, captured once at its start.';
create index run_horizon_captured_at on ops.run_horizon (captured_at);

create table ops.model_progress (
    relation text not null,
    source text not null,
    position bigint not null default 0 check (position >= 0),
    reads_to bigint not null default 0 check (reads_to >= 0),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (relation, source)
);
comment on table ops.model_progress is
'One row per relation that a model fills and stream that it reads: every load up to position is in it. Runs queue on the row lock.';
comment on column ops.model_progress.relation is 'schema.table, so that targets of dbt do not share their progress.';
comment on column ops.model_progress.source is 'The stream.';
comment on column ops.model_progress.reads_to is
'The load that the run which holds the row lock reads to: the least of its horizon and the positions of the relations it reads.';

create table ops.model_definition (
    relation text primary key,
    definition_md5 text not null default '',
    updated_at timestamptz not null default clock_timestamp()
);
comment on table ops.model_definition is
'One row per relation that a model made: the md5 of its SQL and documentation. Unchanged means no DDL, so no lock that readers wait for.';

reset role;
