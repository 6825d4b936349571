-- Old facts are let go (`landfall retention`, warehouse/letting_go.py). From the bound of a stream on everything is as ever; what is
-- before it stays as it was counted, and no event from before it becomes a fact. Owned by transformer.
set local role transformer;

create table ops.fact_bounds (
    stream text primary key,
    kept_from timestamptz not null,
    moved_at timestamptz not null default clock_timestamp()
);
comment on table ops.fact_bounds is
'One row per stream whose old facts are let go. Models neither read events of before the bound nor count days of before it again.';
comment on column ops.fact_bounds.kept_from is
'The bound: set before anything is dropped, it only rises. Facts stay some days further back, as far as what is counted of a day looks.';

create table ops.late_events (
    stream text not null,
    event_key uuid not null,
    event_at timestamptz not null,
    kept_from timestamptz not null,
    load_id bigint,
    topic_id uuid,
    kafka_partition integer,
    kafka_offset bigint,
    kafka_timestamp timestamptz,
    landed_at timestamptz,
    primary key (stream, event_key)
);
comment on table ops.late_events is
'One row per key of an event that landed when its time was before the bound of facts: in no mart. Where the key comes again, it is a duplicate.';
comment on column ops.late_events.kept_from is 'The bound as it was then.';


/* The table of a stream's keys whose facts were let go. A table a stream: its name in each row would be a fifth more. */
create function ops.let_go_keys(of_stream text) returns text
language sql immutable
return format('ops.%I', 'let_go_keys_' || left(of_stream, 50));
comment on function ops.let_go_keys is 'Name of the table with the keys of a stream''s facts that were let go; it is there once some were.';


/* Keeps the keys of a partition's facts, before it goes. Safe to repeat. Returns how many were new. */
create function ops.keep_keys(of_stream text, partition regclass) returns bigint
language plpgsql
as $$
declare
    kept bigint;
begin
    execute format('create table if not exists %s (event_key uuid primary key)', ops.let_go_keys(of_stream));
    execute format(
        'insert into %s select event_key from %s order by event_key on conflict do nothing', ops.let_go_keys(of_stream), partition
    );
    get diagnostics kept = row_count;
    return kept;
end
$$;
comment on function ops.keep_keys is 'Keeps the keys of a partition of facts, so that none of them is counted a second time.';


/* Takes those events out of a batch, a temporary table, whose key is known without a fact of it being there: it was let go, or came
too late. Then those from before the bound, which go to ops.late_events. Behind the model's lock, after the keys of facts went. */
create function ops.take_out_let_go(of_stream text, batch text) returns void
language plpgsql
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    bound timestamptz := (select b.kept_from from ops.fact_bounds as b where b.stream = of_stream);
begin
    if bound is null then
        return;
    end if;
    if to_regclass(ops.let_go_keys(of_stream)) is not null then
        execute format('delete from %I as n using %s as k where k.event_key = n.event_key', batch, ops.let_go_keys(of_stream));
    end if;
    execute format(
        'delete from %I as n using ops.late_events as k where k.stream = $1 and k.event_key = n.event_key', batch
    ) using of_stream;
    -- as json: a fact of one's own may lack some of these columns
    execute format(
        'with gone as (delete from %I as n where n.event_at < $1 returning n.*)'
        ' insert into ops.late_events select late.* from gone cross join lateral jsonb_populate_record(null::ops.late_events,'
        ' to_jsonb(gone) || jsonb_build_object(''stream'', $2, ''kept_from'', $1)) as late on conflict do nothing',
        batch
    ) using bound, of_stream;
end
$$;
comment on function ops.take_out_let_go is
'Takes the rows out of a batch of facts whose key was let go or came too late, and those of before the bound, which are kept in ops.late_events.';


/* Whether a key is known of an event that is no fact any more, or never became one as it came too late. */
create function ops.was_let_go(of_stream text, key uuid) returns boolean
language plpgsql stable
as $$
declare
    is_known boolean := exists (select from ops.late_events as l where l.stream = of_stream and l.event_key = key);
begin
    if not is_known and to_regclass(ops.let_go_keys(of_stream)) is not null then
        execute format('select exists (select from %s where event_key = $1)', ops.let_go_keys(of_stream)) into is_known using key;
    end if;
    return is_known;
end
$$;
comment on function ops.was_let_go is 'Whether an event key is one of a fact that was let go, or of an event that came too late.';


/* As it was, and with the bound of facts. */
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

revoke execute on function ops.let_go_keys, ops.keep_keys, ops.take_out_let_go, ops.was_let_go from public;

reset role;
