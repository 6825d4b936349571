-- Keys whose rows a model has changed, noted in the transaction that changes them, so that models which read it count these
-- again and no others. Triggers on the model's table write them (dbt_project/macros/materializations/noted_keys.sql). Owned by
-- transformer.
set local role transformer;

create table ops.noted_keys (
    relation text not null,
    kind text not null,
    noted_key uuid,
    noted_day date,
    noted_number integer,
    load_id bigint not null,
    constraint noted_keys_unique unique nulls not distinct (relation, kind, noted_key, noted_day, noted_number)
);
create index noted_keys_load_id on ops.noted_keys (relation, kind, load_id);
comment on table ops.noted_keys is
'One row per key of a model''s table whose rows have changed: a visitor, a day, a cell. What every reader has read goes.';
comment on column ops.noted_keys.relation is 'schema.table of the model.';
comment on column ops.noted_keys.kind is 'What it is a key of, as meta.noted of the model calls it.';
comment on column ops.noted_keys.load_id is 'Up to which load the model had read when the rows changed last.';


-- Before a model's statements: under which load they note keys. A table filled from its start notes none: so are its readers.
create function ops.begin_noting(model_relation text, "position" bigint, reads_to bigint) returns void
language plpgsql
as $$
begin
    perform set_config(
        'landfall.noted_load_id', case when begin_noting.position > 0 then begin_noting.reads_to::text else '' end, true
    );
    delete from ops.noted_keys as n
    where
        n.relation = model_relation
        and n.load_id < (
            select min(p.position)
            from ops.model_scripts as s
            inner join ops.model_progress as p on s.relation = p.relation
            where jsonb_path_exists(s.reads, '$.*[*] ? (@ == $relation)', jsonb_build_object('relation', model_relation))
        );
end
$$;
comment on function ops.begin_noting is
'Says under which load the changes of this transaction are noted, and forgets what every reader has read.';


-- Of the triggers on a model's table. tg_argv: the model's relation, and [{"kind", "key", "day", "number"}, …], each SQL.
create function ops.note_keys() returns trigger
language plpgsql
as $$
declare
    load text := current_setting('landfall.noted_load_id', true);
    item record;
    rows_of text;
begin
    if coalesce(load, '') = '' then
        return null;
    end if;
    for item in select * from jsonb_to_recordset(tg_argv[1]::jsonb) as n (kind text, key text, day text, number text) loop
        for rows_of in
            select name from (values ('old_rows', 'INSERT'), ('new_rows', 'DELETE')) as r (name, not_of) where r.not_of <> tg_op
        loop
            execute format(
                'insert into ops.noted_keys as n (relation, kind, noted_key, noted_day, noted_number, load_id)'
                ' select distinct %L, %L, %s, %s, %s, %s::bigint from %I where num_nonnulls(%s, %s, %s) > 0 order by 3, 4, 5'
                ' on conflict on constraint noted_keys_unique do update set load_id = excluded.load_id'
                ' where n.load_id < excluded.load_id',
                tg_argv[0], item.kind, coalesce(item.key, 'null::uuid'), coalesce(item.day, 'null::date'),
                coalesce(item.number, 'null::integer'), load, rows_of,
                coalesce(item.key, 'null::uuid'), coalesce(item.day, 'null::date'), coalesce(item.number, 'null::integer')
            );
        end loop;
    end loop;
    return null;
end
$$;
comment on function ops.note_keys is 'Notes the keys of rows that come and go, where a model is being filled.';

revoke execute on function ops.begin_noting, ops.note_keys from public;

reset role;
