-- dbt compiles, Postgres runs: what a model executes, stored as dbt compiled it when it built the model, and the one function that
-- executes it, called by dbt's materialization and by warehouse/scripts.py alike. Owned by transformer;
-- dbt_project/macros/materializations/scripts.sql writes the table.
set local role transformer;

create table ops.model_scripts (
    relation text primary key,
    reads jsonb not null,
    bounds jsonb not null,
    statements text not null,
    changes jsonb not null,
    script_md5 text not null,
    project text not null,
    built_at timestamptz not null default clock_timestamp()
);
comment on table ops.model_scripts is
'One row per relation that an incremental_by_load model fills: what it executes where there is something new, as dbt compiled it.';
comment on column ops.model_scripts.relation is 'schema.table.';
comment on column ops.model_scripts.reads is 'Streams that it reads, each with the relations between: {"stream": ["schema.table", …]}.';
comment on column ops.model_scripts.bounds is
'Texts in the statements whose place a number or an instant takes: {"stream": {"position", "reads_to", "min_landed_at", "max_landed_at"}, …}.';
comment on column ops.model_scripts.statements is 'SQL of its strategy. It runs as it stands, too, once ops.model_progress says how far to read.';
comment on column ops.model_scripts.changes is 'Kinds of ops.changes that mark rows of it, each with the column of their key: meta.changes.';
comment on column ops.model_scripts.script_md5 is 'md5 of all of this, so that an unchanged script is not written again.';
comment on column ops.model_scripts.project is
'md5 of the project, with its reporting timezone, whose dbt built it; empty for a dbt typed by hand. A pass without dbt runs its own only.';


-- At a pass' start: the newest load of each stream that has landed and is enriched. Old horizons go, without waiting for another pass.
create function ops.capture_horizon(invocation text) returns void
language sql
as $$
    with outdated as (
        select h.invocation_id, h.stream from ops.run_horizon as h
        where h.captured_at < clock_timestamp() - interval '7 days'
        for update skip locked
    )

    delete from ops.run_horizon as h using outdated as o
    where h.invocation_id = o.invocation_id and h.stream = o.stream;

    insert into ops.run_horizon (invocation_id, stream, hi)
    select invocation, s.stream, s.hi from ops.horizons as s;
$$;
comment on function ops.capture_horizon is 'Notes how far the models of one pass may read (ops.run_horizon).';


-- At its end: what became of it. What is two days old goes.
create function ops.record_run(
    invocation text, started text, dbt_command text, began timestamptz, built integer, written bigint, warned integer, left_out integer,
    that_failed text[]
) returns void
language sql
as $$
    delete from ops.runs where started_at < clock_timestamp() - interval '2 days';

    insert into ops.runs (invocation_id, started_by, command, started_at, models, rows_written, warnings, skipped, failed)
    values (invocation, started, dbt_command, began, built, written, warned, left_out, that_failed)
    on conflict do nothing;
$$;
comment on function ops.record_run is 'Notes what became of a pass (ops.runs).';

create index runs_ended_at on ops.runs (ended_at);


-- A model's turn: its rows, so that passes follow one another; what it reads, held still; its definition, so that no two change it at once.
create function ops.lock_model(model_relation text, reads jsonb) returns void
language plpgsql
as $$
begin
    insert into ops.model_progress (relation, source)
    select model_relation, stream from jsonb_object_keys(reads) as streams (stream) order by stream
    on conflict do nothing;

    perform from ops.model_progress where relation = model_relation order by source for update;

    perform from ops.model_progress
    where relation in (select jsonb_array_elements_text(relations) from jsonb_each(reads) as r (stream, relations))
    order by relation, source
    for share;

    insert into ops.model_definition (relation) values (model_relation) on conflict do nothing;
    perform from ops.model_definition where relation = model_relation for update;
end
$$;
comment on function ops.lock_model is 'Takes a model''s turn, until the transaction ends. Each statement after it sees what was committed before.';


-- What it reads and of which no load is known: it would count as empty.
create function ops.without_position(reads jsonb) returns text[]
language sql stable
as $$
    select array_agg(distinct name order by name)
    from jsonb_each(reads) as r (stream, relations)
    cross join lateral jsonb_array_elements_text(r.relations) as n (name)
    where not exists (select from ops.model_progress as p where p.relation = n.name)
$$;
comment on function ops.without_position is 'Relations of ops.model_scripts.reads of which ops.model_progress knows nothing.';


/* Behind the model's lock: from where to where it reads each stream. from_start: the relation was just made or emptied, so nothing is in
it. stand_still: it reads nothing at all. */
create function ops.plan_model(model_relation text, reads jsonb, invocation text, from_start boolean, stand_still boolean)
returns table (stream text, "position" bigint, reads_to bigint)
language sql stable
as $$
    select
        p.source,
        begins.at,
        case
            when stand_still then begins.at
            -- what was in the relation is readable, whatever the horizon of this pass
            else least(greatest(p.position, horizon.hi), upstream.position)
        end
    from jsonb_each(reads) as r (stream, relations)
    inner join ops.model_progress as p on p.relation = model_relation and p.source = r.stream
    cross join lateral (select case when from_start then 0 else p.position end) as begins (at)
    left join ops.run_horizon as horizon on horizon.invocation_id = invocation and horizon.stream = r.stream
    cross join lateral (
        select min(coalesce(u.position, 0)) as position
        from jsonb_array_elements_text(r.relations) as n (name)
        left join ops.model_progress as u on u.relation = n.name and u.source = r.stream
    ) as upstream
    order by 1
$$;
comment on function ops.plan_model is 'How far a model reads now: the least of the horizon and the positions of what it reads.';


/* Statements with the bounds of one stream as numbers and instants instead of subqueries, which say the same: the planner then knows how
much there is to read (a range of unknown bounds counts as 0.5 % of the table, whatever its size). */
create function ops.with_literal_bounds(statements text, texts jsonb, of_stream text, "position" bigint, reads_to bigint) returns text
language plpgsql stable
as $$
declare
    found text := statements;
    landed record;
begin
    -- first, as their texts hold those of the others
    if strpos(found, texts ->> 'min_landed_at') > 0 or strpos(found, texts ->> 'max_landed_at') > 0 then
        select
            coalesce('timestamptz ' || quote_literal(min(l.landed_at)::text), 'null::timestamptz') as first_at,
            coalesce('timestamptz ' || quote_literal(max(l.landed_at)::text), 'null::timestamptz') as last_at
        into landed
        from landing.loads as l
        where
            l.stream = of_stream
            and l.load_id > with_literal_bounds.position
            and l.load_id <= with_literal_bounds.reads_to;
        found := replace(found, texts ->> 'min_landed_at', landed.first_at);
        found := replace(found, texts ->> 'max_landed_at', landed.last_at);
    end if;
    found := replace(found, texts ->> 'position', with_literal_bounds.position::text);
    return replace(found, texts ->> 'reads_to', with_literal_bounds.reads_to::text);
end
$$;
comment on function ops.with_literal_bounds is 'A script''s statements with numbers and instants in place of the texts of its bounds.';


-- Executes statements, and raises what they raise without them: Postgres would show their whole text as the error's context.
create function ops.execute_statements(statements text) returns bigint
language plpgsql
as $$
declare
    written bigint;
    state text; said text; details text; advice text;
    of_constraint text; of_column text; of_type text; of_table text; of_schema text;
begin
    execute statements;
    get diagnostics written = row_count;
    return written;
exception when others then
    get stacked diagnostics
        state = returned_sqlstate, said = message_text, details = pg_exception_detail, advice = pg_exception_hint,
        of_constraint = constraint_name, of_column = column_name, of_type = pg_datatype_name, of_table = table_name,
        of_schema = schema_name;
    raise exception using
        errcode = state, message = said, detail = details, hint = advice,
        constraint = of_constraint, column = of_column, datatype = of_type, table = of_table, schema = of_schema;
end
$$;
comment on function ops.execute_statements is 'Executes statements; rows of the last one.';


/* Facts that a change load concerns take its number, so that the models which read them count them again. changes: the kinds of change
(ops.changes.kind), each with the fact's column of their key. */
create function ops.mark_changed_facts(
    table_name regclass, changes jsonb, of_stream text, "position" bigint, reads_to bigint
) returns void
language plpgsql
as $$
declare
    item record;
begin
    for item in
        select c.kind, c.key_column
        from jsonb_each_text(changes) as c (kind, key_column)
        where exists (
            select from ops.changes as e
            where
                e.stream = of_stream and e.kind = c.kind
                and e.load_id > mark_changed_facts.position and e.load_id <= mark_changed_facts.reads_to
        )
    loop
        execute format(
            'update %s as f set changed_load_id = c.load_id from ('
            'select key, max(load_id) as load_id from ops.changes'
            ' where stream = %L and kind = %L and load_id > %s and load_id <= %s group by key'
            ') as c where f.%I = c.key and f.changed_load_id < c.load_id',
            table_name, of_stream, item.kind, mark_changed_facts.position, mark_changed_facts.reads_to, item.key_column
        );
    end loop;
end
$$;
comment on function ops.mark_changed_facts is 'Gives facts that change loads concern the number of the newest of these.';


/* Statistics at once, and not when autovacuum comes: after the first fill or a backlog, the models that read this next would plan for a
table of a few pages (a refresh of 10,000 events took 12 s instead of 2). By its size on disk: rows that are counted again take the
place of others, and a table of the newest days, of which each refresh writes most, would be analyzed by each (60-200 ms). */
create function ops.analyze_when_grown(table_name regclass, written bigint) returns void
language plpgsql
as $$
begin
    if written >= 1000 and (
        select pg_relation_size(c.oid) > 1.25 * c.relpages * current_setting('block_size')::integer
        from pg_class as c where c.oid = table_name
    ) then
        execute format('analyze %s', table_name);
    end if;
end
$$;
comment on function ops.analyze_when_grown is 'Gathers a table''s statistics where it is a quarter larger than when that was last done.';


/* Behind the model's lock: executes a script and moves the model's position, in the transaction that writes its rows. Returns the rows
written, null where there was nothing new. in_any_case: executes it also then. */
create function ops.run_script(
    script ops.model_scripts, invocation text, from_start boolean default false, stand_still boolean default false,
    in_any_case boolean default false
) returns bigint
language plpgsql
as $$
declare
    plan jsonb;
    has_news boolean := false;
    item record;
    statements text := script.statements;
    table_name text := format('%I.%I', split_part(script.relation, '.', 1), split_part(script.relation, '.', 2));
    written bigint;
begin
    select jsonb_agg(to_jsonb(p)), coalesce(bool_or(p.reads_to > p.position), false) into plan, has_news
    from ops.plan_model(script.relation, script.reads, invocation, from_start, stand_still) as p;
    if from_start then
        update ops.model_progress set position = 0 where relation = script.relation;
    end if;
    if not (has_news or in_any_case) then
        return null;
    end if;

    for item in select * from jsonb_to_recordset(plan) as n (stream text, "position" bigint, reads_to bigint) loop
        statements := ops.with_literal_bounds(statements, script.bounds -> item.stream, item.stream, item.position, item.reads_to);
    end loop;
    written := ops.execute_statements(statements);

    for item in select * from jsonb_to_recordset(plan) as n (stream text, "position" bigint, reads_to bigint) loop
        -- never backwards
        update ops.model_progress as p
        set position = item.reads_to, reads_to = item.reads_to, updated_at = clock_timestamp()
        where p.relation = script.relation and p.source = item.stream and item.reads_to > p.position;
        perform ops.mark_changed_facts(table_name::regclass, script.changes, item.stream, item.position, item.reads_to);
    end loop;
    if has_news then
        perform ops.analyze_when_grown(table_name::regclass, written);
    end if;
    return written;
end
$$;
comment on function ops.run_script is 'Executes a model''s script behind its lock, and moves its position. Rows written; null: nothing new.';


/* A model in one round trip, as its dbt would do it. Raises 55000 where the project that calls has not built it, 40001 where it was
built anew while this waited. */
create function ops.refresh_model(model_relation text, invocation text, of_project text) returns bigint
language plpgsql
as $$
declare
    reads_before jsonb := (select s.reads from ops.model_scripts as s where s.relation = model_relation);
    script ops.model_scripts;
begin
    perform ops.lock_model(model_relation, coalesce(reads_before, '{}'));
    select s.* into script from ops.model_scripts as s where s.relation = model_relation;
    if script.project is distinct from of_project then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = format('%s is not built yet as this project has it: dbt builds it.', model_relation);
    elsif script.reads is distinct from reads_before then
        raise exception using
            errcode = 'serialization_failure', message = format('%s was built anew meanwhile: refresh it once more.', model_relation);
    elsif ops.without_position(script.reads) is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = format(
                '%s reads %s, of which ops.model_progress knows no load.',
                model_relation, array_to_string(ops.without_position(script.reads), ', ')
            );
    end if;
    return ops.run_script(script, invocation);
end
$$;
comment on function ops.refresh_model is
'Runs a model''s stored script: its lock, its plan, its statements, its position. Rows written; null: nothing new.';

-- who may not read the models' progress has no use for them
revoke execute on function
    ops.capture_horizon, ops.record_run, ops.lock_model, ops.without_position, ops.plan_model, ops.with_literal_bounds,
    ops.execute_statements, ops.mark_changed_facts, ops.analyze_when_grown, ops.run_script, ops.refresh_model
from public;

reset role;
