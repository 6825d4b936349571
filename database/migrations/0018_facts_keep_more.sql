-- Facts keep what they threw away. What is asked for here and by models that gain columns, `landfall migrate` does
-- (warehouse/backfill.py). Owned by transformer.
set local role transformer;

create table ops.backfills (
    backfill_id bigint generated always as identity primary key,
    relation text not null,
    stream text not null,
    staged text not null,
    column_names text[] not null check (cardinality(column_names) > 0),
    requested_at timestamptz not null default clock_timestamp(),
    until_load_id bigint,
    load_id bigint not null default 0,
    part integer not null default 0,
    events_read bigint not null default 0,
    events_filled bigint not null default 0,
    events_lost bigint,
    finished_at timestamptz
);
comment on table ops.backfills is
'One row per set of columns that a table of facts gained when it held events already: how far they are filled from landing.';
comment on column ops.backfills.relation is 'The table, schema.name.';
comment on column ops.backfills.staged is 'The staging view with the values, in columns of the same names.';
comment on column ops.backfills.until_load_id is
'The newest load whose events the table held without them; null until the first batch. Later loads have them.';
comment on column ops.backfills.load_id is 'Every load up to this one is done.';
comment on column ops.backfills.part is 'How many parts of the next load are done, where it is too large for one transaction.';
comment on column ops.backfills.events_read is 'Events whose landed record was still there.';
comment on column ops.backfills.events_filled is 'Those of which a column changed.';
comment on column ops.backfills.events_lost is 'Events that stay as they were: `landfall retention` had dropped their records. Null until it is finished.';

do $$
declare
    of_index record;
begin
    -- Carts were kept of successful checkouts alone, and a flag that cannot be read is named now.
    if exists (select from pg_class where oid = to_regclass('intermediate.int_product_events') and relkind = 'r') then
        insert into ops.backfills (relation, stream, staged, column_names)
        values (
            'intermediate.int_product_events', 'product_views', 'staging.stg_product_views__events',
            array['cart_products', 'bad_casts']
        );
    end if;

    -- The ad events hold who the visitor is from now on, so their table goes beneath the marts; people read a view of it.
    if exists (select from pg_class where oid = to_regclass('marts.fct_job_events') and relkind = 'r') then
        -- As a model that takes its turn: first here, then the table.
        lock table ops.model_progress in exclusive mode;
        alter table marts.fct_job_events rename to int_job_events;
        alter table marts.int_job_events set schema intermediate;
        revoke select on intermediate.int_job_events from bi_reader;
        update ops.model_progress set relation = 'intermediate.int_job_events' where relation = 'marts.fct_job_events';
        delete from ops.model_definition where relation = 'marts.fct_job_events';
        -- Their names come from the table's: under the old ones the model would not find them and make them twice.
        for of_index in
            select indexrelid::regclass as name from pg_index
            where indrelid = 'intermediate.int_job_events'::regclass and not indisprimary
        loop
            execute format('drop index %s', of_index.name);
        end loop;
        create view marts.fct_job_events as
        select
            event_key, job_id, publisher_id, campaign_id, group_id, custom_track, utm_source, utm_medium, utm_campaign,
            bid, event_at, kafka_timestamp, landed_at, is_from_future, bad_casts, load_id, topic_id, kafka_partition,
            kafka_offset, changed_load_id
        from intermediate.int_job_events;
    end if;
end
$$;

reset role;
