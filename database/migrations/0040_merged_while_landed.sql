-- Loads are merged while their rows are still in the landing: a row's load is then the first that is at or above its number.
set local role landing_writer;

alter table landing.loads
add column first_landed_at timestamptz check (first_landed_at <= landed_at),
add column longest_wait interval;
comment on column landing.loads.first_landed_at is 'When the first load landed that was merged into this one; null where none was.';
comment on column landing.loads.longest_wait is
'Of loads that were merged into this one: how long records waited for one at most, where that was over 10 seconds.';
comment on column landing.loads.loads is
'How many loads this row counts: more than one where `landfall retention` has merged those before it, of the same hour or day, into it.';

reset role;
set local role transformer;

/* As it was, and from when the first of merged loads landed. */
create or replace function ops.with_literal_bounds(
    statements text, texts jsonb, of_stream text, "position" bigint, reads_to bigint
) returns text
language plpgsql stable
as $$
declare
    found text := statements;
    landed record;
begin
    -- first, as their texts hold those of the others
    if strpos(found, texts ->> 'min_landed_at') > 0 or strpos(found, texts ->> 'max_landed_at') > 0 then
        select
            coalesce(
                'timestamptz ' || quote_literal(min(coalesce(l.first_landed_at, l.landed_at))::text), 'null::timestamptz'
            ) as first_at,
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
    -- a script of an earlier release has none
    if strpos(found, texts ->> 'facts_kept_from') > 0 then
        found := replace(
            found,
            texts ->> 'facts_kept_from',
            'timestamptz ' || quote_literal(
                coalesce((select b.kept_from from ops.fact_bounds as b where b.stream = of_stream), '-infinity')::text
            )
        );
    end if;
    found := replace(found, texts ->> 'position', with_literal_bounds.position::text);
    return replace(found, texts ->> 'reads_to', with_literal_bounds.reads_to::text);
end
$$;

reset role;
