-- What a pass costs beside its models' own work: facts are sorted and looked up once, samples are small, noted keys are short. Owned by
-- transformer.
set local role transformer;

/* Of rows of a batch with one event key the first landed stays: by their position, load by load. Two rows of one record are refused, as they
are a fault of the model. Behind the model's lock. Returns how many rows went. */
create function ops.keep_first_landed(fact regclass, batch text) returns bigint
language plpgsql
as $$
declare
    later bigint := 0;
    doubled uuid[];
    with_position boolean := (
        select count(*) = 4 from pg_attribute as a
        where
            a.attrelid = to_regclass(quote_ident(batch))
            and a.attname in ('load_id', 'topic_id', 'kafka_partition', 'kafka_offset')
    );
begin
    execute format('select array(select event_key from %I group by 1 having count(*) > 1)', batch) into doubled;
    if doubled <> '{}' and with_position then
        execute format(
            'delete from %1$I where ctid = any(array('
            'select d.place from (select ctid as place, rank() over ('
            'partition by event_key order by load_id, topic_id, kafka_partition, kafka_offset) as landed'
            ' from %1$I where event_key = any($1)) as d where d.landed > 1))',
            batch
        )
        using doubled;
        get diagnostics later = row_count;
        execute format('select array(select event_key from %I where event_key = any($1) group by 1 having count(*) > 1)', batch)
        into doubled
        using doubled;
    end if;
    if doubled <> '{}' then
        raise exception using
            errcode = 'unique_violation',
            message = format('%s: a model of facts gives one row per event key, and not several of one.', fact);
    end if;
    return later;
end
$$;
comment on function ops.keep_first_landed is 'Takes the rows out of a batch of facts whose event key landed before, in the same batch.';


/* As it was, and also where the fact is one table still: nothing else holds its key then, so that rows go in without a look for
conflicts. What of one key is in the batch is ops.keep_first_landed's. */
create or replace function ops.take_out_known_keys(fact regclass, batch text) returns bigint
language plpgsql
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    known bigint;
begin
    execute format('delete from %I as n using %s as f where f.event_key = n.event_key', batch, fact);
    get diagnostics known = row_count;
    return known;
end
$$;

/* As it was, and fills what it makes: rows of a batch, a temporary table, go into a new partition before it has an index, and attaching
makes all its indexes at once (4.4 instead of 5.9 µs a product view, and 81 instead of 117 MB of WAL for 147,000). What is left in the batch belongs
to partitions that were there. A table with triggers is filled through itself, as these are not asked otherwise. */
drop function ops.make_partitions(regclass, timestamptz[]);
create function ops.make_partitions(
    fact regclass, times timestamptz[], batch text default null, column_names text default null
) returns integer
language plpgsql
set timezone = 'UTC'
as $$
declare
    instant timestamptz;
    wanted record;
    around record;
    kind "char" := (select c.relkind from pg_class as c where c.oid = fact);
    in_schema text := (select c.relnamespace::regnamespace::text from pg_class as c where c.oid = fact);
    table_name text := (select c.relname from pg_class as c where c.oid = fact);
    is_filled boolean := batch is not null and not exists (
        select from pg_trigger as t where t.tgrelid = fact and not t.tgisinternal
    );
    made text;
    bound text;
    number integer := 0;
    rows_here bigint;
    rows_moved bigint := 0;
begin
    if kind <> 'p' then
        if exists (select from pg_constraint as c where c.conrelid = fact and c.conname = 'until_partitioned') then
            execute format('alter table %s drop constraint until_partitioned', fact);
        end if;
        return 0;
    end if;
    for instant in select distinct t.at from unnest(times) as t (at) where t.at is not null order by 1 loop
        continue when exists (
            select from ops.partitions_of(fact) as p
            where instant >= p.from_at and (instant < p.until_at or p.until_at = 'infinity')
        );
        select r.* into wanted
        from ops.partition_range(instant, (select count(*) from ops.partitions_of(fact)), clock_timestamp()) as r;
        -- between what is there already: ranges were chosen at another time, when months were years ahead or years were months
        select
            greatest(wanted.from_at, max(p.until_at) filter (where p.until_at <= instant)) as from_at,
            least(wanted.until_at, min(p.from_at) filter (where p.from_at > instant)) as until_at
        into around
        from ops.partitions_of(fact) as p;
        made := format(
            '%s.%I', in_schema,
            left(table_name, 46) || case
                when around.from_at = '-infinity' then '_first' else '_' || to_char(around.from_at, 'FMYYYYMMDD')
            end
        );
        bound := format(
            'from (%s) to (%s)',
            case when around.from_at = '-infinity' then 'minvalue' else quote_literal(around.from_at) end,
            case when around.until_at = 'infinity' then 'maxvalue' else quote_literal(around.until_at) end
        );
        execute format('create table %s (like %s including all excluding indexes)', made, fact);
        if is_filled then
            execute format(
                'insert into %1$s (%2$s) select %2$s from %3$I where event_at >= %4$L and (event_at < %5$L or %5$L = ''infinity'')',
                made, column_names, batch, around.from_at, around.until_at
            );
            get diagnostics rows_here = row_count;
            rows_moved := rows_moved + rows_here;
            execute format(
                'delete from %I where event_at >= %L and (event_at < %3$L or %3$L = ''infinity'')', batch, around.from_at, around.until_at
            );
        end if;
        perform ops.patiently(format('alter table %s attach partition %s for values %s', fact, made, bound));
        number := number + 1;
    end loop;
    if rows_moved > 0 then
        -- ops.execute_statements adds them to the rows of the last statement
        perform set_config('landfall.rows_changed', rows_moved::text, true);
    end if;
    return number;
end
$$;
comment on function ops.make_partitions is
'Makes the partitions that events of these times need, where they are not there yet, and fills them with their rows of a batch.';


/* As it was, with samples of 9,000 rows and not of 30,000: a fifth of the time (0.3 s a table of facts, in the midst of a pass). Autovacuum
gathers those of a partition anew within a minute, so these are for the models that read it until then. Those of the whole, which
autovacuum never gathers, where it has doubled; not of its partitions with it, where Postgres can. */
create or replace function ops.analyze_when_grown(table_name regclass, written bigint) returns void
language plpgsql
set default_statistics_target = 30
as $$
declare
    grown regclass;
begin
    for grown in
        -- a table without partitions is no tree
        select c.oid
        from (
            select tree.relid, tree.level from pg_partition_tree(table_name) as tree
            union
            select table_name, 0
        ) as t
        inner join pg_class as c on c.oid = t.relid
        where
            written >= 1000 and c.relkind = 'r'
            and (
                pg_relation_size(c.oid) > 1.25 * c.relpages * current_setting('block_size')::integer
                -- one that got its indexes after its rows has pages, and was never looked at
                or (
                    t.level > 0 and pg_relation_size(c.oid) > 0
                    and not exists (
                        select from pg_stats as s where s.schemaname = c.relnamespace::regnamespace::text and s.tablename = c.relname
                    )
                )
            )
    loop
        execute format('analyze %s', grown);
    end loop;
    if exists (
        select from pg_class as c
        where
            c.oid = table_name and c.relkind = 'p'
            and 1000 + 2 * greatest(c.reltuples, 0) < (
                select sum(greatest(p.reltuples, 0))
                from pg_partition_tree(table_name) as t
                inner join pg_class as p on p.oid = t.relid
                where t.isleaf
            )
    ) then
        execute format(
            'analyze %s %s', case when current_setting('server_version_num')::integer >= 180000 then 'only' else '' end, table_name
        );
    end if;
end
$$;

/* Of a batch of rows, a temporary table, as much as a join needs: how many they are, and how many of a key. A sample of 3,000 rows: one of
30,000 costs more than counting them. */
create function ops.analyze_batch(batch text, column_names text) returns void
language plpgsql
set default_statistics_target = 10
as $$
begin
    execute format('analyze %I (%s)', batch, column_names);
end
$$;
comment on function ops.analyze_batch is 'Gathers statistics of some columns of a temporary table.';

/* Noted keys as narrow rows with one index, which holds each load once: 60 bytes and not 250 a key, and a fourth of the WAL. A key may be
there twice; who reads them takes each once. */
create table ops.noters (
    noter integer generated always as identity primary key,
    relation text not null,
    kind text not null,
    constraint noters_unique unique (relation, kind)
);
comment on table ops.noters is 'One row per model and kind of key that it notes (meta.noted): their number in ops.noted_keys.';

alter table ops.noted_keys rename to noted_keys_before;
alter table ops.noted_keys_before drop constraint noted_keys_unique;
drop index ops.noted_keys_load_id;
insert into ops.noters (relation, kind) select distinct relation, kind from ops.noted_keys_before;
create table ops.noted_keys (
    load_id bigint not null,
    noter integer not null,
    noted_day date,
    noted_number integer,
    noted_key uuid
);
insert into ops.noted_keys (load_id, noter, noted_day, noted_number, noted_key)
select n.load_id, r.noter, n.noted_day, n.noted_number, n.noted_key
from ops.noted_keys_before as n
inner join ops.noters as r on n.relation = r.relation and n.kind = r.kind;
create index noted_keys_load_id on ops.noted_keys (noter, load_id);
drop table ops.noted_keys_before;
comment on table ops.noted_keys is
'Keys of a model''s table whose rows have changed: a visitor, a day, a cell. What every reader has read goes.';
comment on column ops.noted_keys.load_id is 'Up to which load the model had read when the rows changed.';
comment on column ops.noted_keys.noter is 'Which model noted it, and what it is a key of: ops.noters.';

-- As it was.
create or replace function ops.begin_noting(model_relation text, "position" bigint, reads_to bigint) returns void
language plpgsql
as $$
begin
    perform set_config(
        'landfall.noted_load_id', case when begin_noting.position > 0 then begin_noting.reads_to::text else '' end, true
    );
    delete from ops.noted_keys as n
    where
        n.noter in (select r.noter from ops.noters as r where r.relation = model_relation)
        and n.load_id < (
            select min(p.position)
            from ops.model_scripts as s
            inner join ops.model_progress as p on s.relation = p.relation
            where jsonb_path_exists(s.reads, '$.*[*] ? (@ == $relation)', jsonb_build_object('relation', model_relation))
        );
end
$$;

create or replace function ops.note_keys() returns trigger
language plpgsql
as $$
declare
    load text := current_setting('landfall.noted_load_id', true);
    item record;
    number integer;
    keys text;
begin
    if coalesce(load, '') = '' then
        return null;
    end if;
    for item in select * from jsonb_to_recordset(tg_argv[1]::jsonb) as n (kind text, key text, day text, number text) loop
        insert into ops.noters (relation, kind)
        select tg_argv[0], item.kind
        where not exists (select from ops.noters as r where r.relation = tg_argv[0] and r.kind = item.kind)
        on conflict do nothing;
        select r.noter into strict number from ops.noters as r where r.relation = tg_argv[0] and r.kind = item.kind;
        select
            string_agg(
                format(
                    'select %s as noted_key, %s as noted_day, %s as noted_number from %I', coalesce(item.key, 'null::uuid'),
                    coalesce(item.day, 'null::date'), coalesce(item.number, 'null::integer'), r.name
                ),
                ' union '
            )
        into keys
        from (values ('old_rows', 'INSERT'), ('new_rows', 'DELETE')) as r (name, not_of)
        where r.not_of <> tg_op;
        execute format(
            'insert into ops.noted_keys (load_id, noter, noted_day, noted_number, noted_key)'
            ' select distinct %s::bigint, %s, noted_day, noted_number, noted_key from (%s) as keys'
            ' where num_nonnulls(noted_key, noted_day, noted_number) > 0',
            load, number, keys
        );
    end loop;
    return null;
end
$$;

revoke execute on function ops.keep_first_landed, ops.make_partitions, ops.analyze_batch from public;

reset role;
