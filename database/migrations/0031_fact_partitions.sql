-- Facts in partitions by the time of their events. A model says `partition_by` and its materialization makes the table so
-- (dbt_project/macros/materializations/partitions.sql); what stands here makes the partitions that a pass needs, and keeps one
-- row per event key over all of them. Owned by transformer.
set local role transformer;

/* The partitions of a table, oldest first; none of one that has none. An open end is infinite. ISO dates, so that the bounds are
read as they are written, whatever the session's settings. */
create function ops.partitions_of(fact regclass)
returns table (partition regclass, from_at timestamptz, until_at timestamptz)
language sql stable
set datestyle = 'ISO'
set timezone = 'UTC'
as $$
    select
        c.oid::regclass,
        case bounds.found[1] when 'MINVALUE' then '-infinity' else trim(bounds.found[1], '''')::timestamptz end,
        case bounds.found[2] when 'MAXVALUE' then 'infinity' else trim(bounds.found[2], '''')::timestamptz end
    from pg_inherits as i
    inner join pg_class as c on c.oid = i.inhrelid
    cross join lateral (
        select regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \((.*)\) TO \((.*)\)$') as found
    ) as bounds
    where i.inhparent = fact and c.relispartition
    order by 2
$$;
comment on function ops.partitions_of is
'Partitions of a table by time, oldest first, each from when (included) until when (not included).';


/* The range of a partition that an instant needs, whatever is there: a month around now, a year within ten years of it, and one
range for all that is further back, one for all that is further ahead. Months while there are few partitions, so that their
number stays bounded: each query holds a lock on each of them and of their indexes. */
create function ops.partition_range(
    instant timestamptz, partitions bigint, as_of timestamptz, out from_at timestamptz, out until_at timestamptz
)
language sql immutable
set timezone = 'UTC'
as $$
    select
        case
            when instant < y.this_year - interval '10 years' then '-infinity'
            when instant >= y.this_year + interval '11 years' then y.this_year + interval '11 years'
            when is_month then date_trunc('month', instant)
            else date_trunc('year', instant)
        end,
        case
            when instant < y.this_year - interval '10 years' then y.this_year - interval '10 years'
            when instant >= y.this_year + interval '11 years' then 'infinity'
            when is_month then date_trunc('month', instant) + interval '1 month'
            else date_trunc('year', instant) + interval '1 year'
        end
    from (select date_trunc('year', as_of) as this_year, date_trunc('month', as_of) as this_month) as y
    cross join lateral (
        select
            partitions < 36
            and instant >= y.this_month - interval '13 months'
            and instant < y.this_month + interval '2 months' as is_month
    ) as m
$$;
comment on function ops.partition_range is 'From when until when a new partition for an instant goes, where nothing else is.';


/* Makes the partitions that these times need and that are not there. Each is a table first, with its indexes, and is attached
then: that takes SHARE UPDATE EXCLUSIVE of the fact, which no reader and no writer holds up or waits for. Does nothing to a
table without partitions, but for the bound that `landfall migrate` put on it before it was interrupted. Behind the model's
lock. Returns how many it made. */
create function ops.make_partitions(fact regclass, times timestamptz[]) returns integer
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
    made text;
    bound text;
    number integer := 0;
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
        execute format('create table %s (like %s including all)', made, fact);
        perform ops.patiently(format('alter table %s attach partition %s for values %s', fact, made, bound));
        number := number + 1;
    end loop;
    return number;
end
$$;
comment on function ops.make_partitions is 'Makes the partitions that events of these times need, where they are not there yet.';


/* A statement that takes a lock for an instant, tried in short turns: who waits for a lock holds up all that come behind. */
create function ops.patiently(statement text) returns void
language plpgsql
as $$
declare
    before text := current_setting('lock_timeout');
begin
    for turn in 1..200 loop
        begin
            perform set_config('lock_timeout', '2s', true);
            execute statement;
            perform set_config('lock_timeout', before, true);
            return;
        exception when lock_not_available then
            if turn = 200 then
                raise;
            end if;
        end;
        perform pg_sleep(1);
    end loop;
end
$$;
comment on function ops.patiently is
'Executes a statement once its locks are free, without holding up others behind it. At most ten minutes.';


/* Takes those rows out of a batch, a temporary table, whose event key is in the fact, in whichever partition and with whichever
time: the first landed stays. A key that is twice in the batch is refused. By the index of each partition, as the planner
knows neither table when both are new. Behind the model's lock, so nobody adds keys meanwhile. Returns how many rows went. */
create function ops.take_out_known_keys(fact regclass, batch text) returns bigint
language plpgsql
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    known bigint;
    twice text;
begin
    if not exists (select from pg_class as c where c.oid = fact and c.relkind = 'p') then
        return 0;
    end if;
    execute format(
        'select min(event_key::text) from (select event_key from %I group by 1 having count(*) > 1) as doubled', batch
    )
    into twice;
    if twice is not null then
        raise exception using
            errcode = 'unique_violation',
            message = format('%s: a model of facts gives one row per event key, and not several of one.', fact);
    end if;
    execute format('delete from %I as n using %s as f where f.event_key = n.event_key', batch, fact);
    get diagnostics known = row_count;
    return known;
end
$$;
comment on function ops.take_out_known_keys is
'Takes the rows out of a batch of facts whose event key is there already, with whichever time.';


/* As it was, and for a table in partitions: those that have grown, and the whole where it has grown by a quarter, of which the
planner needs statistics of its own. */
create or replace function ops.analyze_when_grown(table_name regclass, written bigint) returns void
language plpgsql
as $$
declare
    grown regclass;
begin
    for grown in
        select c.oid
        from pg_partition_tree(table_name) as t
        inner join pg_class as c on c.oid = t.relid
        where
            written >= 1000 and t.isleaf
            and pg_relation_size(c.oid) > 1.25 * c.relpages * current_setting('block_size')::integer
    loop
        execute format('analyze %s', grown);
    end loop;
    if exists (
        select from pg_class as c
        where
            c.oid = table_name and c.relkind = 'p'
            and 1000 + 1.25 * greatest(c.reltuples, 0) < (
                select sum(greatest(p.reltuples, 0))
                from pg_partition_tree(table_name) as t
                inner join pg_class as p on p.oid = t.relid
                where t.isleaf
            )
    ) then
        execute format('analyze %s', table_name);
    end if;
end
$$;

revoke execute on function
    ops.partitions_of, ops.partition_range, ops.make_partitions, ops.patiently, ops.take_out_known_keys
from public;

reset role;
