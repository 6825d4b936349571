-- What a pass costs beside its models' own work: facts are sorted and looked up once, samples are small, noted keys are short. Owned by
-- transformer.
set local role transformer;

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
        select c.oid
        from pg_partition_tree(table_name) as t
        inner join pg_class as c on c.oid = t.relid
        where
            written >= 1000 and t.isleaf
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

revoke execute on function ops.analyze_batch from public;

reset role;
