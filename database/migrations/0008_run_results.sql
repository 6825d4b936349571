-- What became of dbt's runs and tests, whoever started them. Owned by transformer; dbt_project/macros/run_results.sql writes it.
set local role transformer;

create table ops.runs (
    invocation_id text primary key,
    door text not null,
    command text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null default clock_timestamp(),
    models integer not null,
    rows_written bigint not null,
    warnings integer not null,
    skipped integer not null,
    failed text[] not null
);
comment on table ops.runs is
'One row per dbt run of the last two days that came to its end. What was killed has a row in ops.run_horizon alone.';
comment on column ops.runs.door is 'Who ran dbt: watch, refresh, dagster, or dbt where it was typed by hand (LANDFALL_DOOR).';
comment on column ops.runs.command is 'dbt''s command: run, build, test, snapshot, …';
comment on column ops.runs.models is 'Models, seeds and snapshots that were built.';
comment on column ops.runs.failed is 'Names of the models and tests that failed.';
create index runs_started_at on ops.runs (started_at);

create table ops.test_results (
    test text primary key,
    relation text,
    status text not null check (status in ('pass', 'warn', 'fail', 'error', 'skipped')),
    failures bigint,
    message text not null,
    tested_at timestamptz not null default clock_timestamp(),
    invocation_id text not null
);
comment on table ops.test_results is 'One row per dbt test: its newest result.';
comment on column ops.test_results.relation is 'schema.table of what it tests, null where it is about several.';
comment on column ops.test_results.failures is 'Rows that the test found.';

reset role;
