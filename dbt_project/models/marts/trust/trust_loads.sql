{{ config(meta={'reads': ['accounts']}, pre_hook='{{ make_missing_tables() }}') }}

-- a bound of loads and not of time: what it costs is then the same behind a year of them
with streams as (
    select
        stream,
        hi - {{ var('tested_loads') }} as after_load_id
    from {{ source('ledger', 'horizons') }}
),

records as (
    select
        slices.stream,
        slices.load_id,
        slices.until_offset - slices.from_offset as offsets,
        slices.landed,
        0 as replayed,
        slices.quarantined,
        slices.holes
    from streams
    inner join {{ source('ledger', 'slices') }} as slices
        on streams.stream = slices.stream and streams.after_load_id < slices.load_id
    union all
    -- that were quarantined at first, and landed by a replay at their old position
    select
        replays.stream,
        replays.replayed_load_id as load_id,
        0 as offsets,
        0 as landed,
        1 as replayed,
        0 as quarantined,
        0 as holes
    from streams
    inner join {{ source('ledger', 'quarantine') }} as replays
        on streams.stream = replays.stream and streams.after_load_id < replays.replayed_load_id
    where replays.replayed_load_id is not null
),

counted as (
    select
        stream,
        load_id,
        sum(offsets)::bigint as offsets,
        sum(landed)::bigint as landed_by_stream,
        sum(replayed)::bigint as landed_by_replay,
        sum(quarantined)::bigint as quarantined,
        sum(holes)::bigint as holes
    from records
    group by 1, 2
),

loads as (
    select * from {{ source('ledger', 'loads') }}
),

accounts as (
    {{ rows_of_every_stream('accounts', ['load_id', 'winners', 'rejected', 'duplicates']) }}
),

-- a load that the models have not read yet is not accounted for yet
read_to as (
    select
        progress.source as stream,
        progress.position as load_id
    from {{ ref('catalogue') }} as models
    inner join {{ source('progress', 'model_progress') }} as progress on models.relation = progress.relation
    where models.kind = 'accounts'
),

final as (
    select
        counted.stream,
        counted.load_id,
        counted.offsets,
        counted.landed_by_stream + counted.landed_by_replay as landed,
        counted.quarantined,
        counted.holes,
        coalesce(accounts.winners, 0) as winners,
        coalesce(accounts.rejected, 0) as rejected,
        coalesce(accounts.duplicates, 0) as duplicates,
        case
            when read_to.load_id is null then counted.landed_by_stream + counted.landed_by_replay
            else 0
        end as not_read_yet,
        counted.offsets - counted.landed_by_stream - counted.quarantined - counted.holes as unexplained_offsets,
        case
            when read_to.load_id is null then 0
            else
                counted.landed_by_stream + counted.landed_by_replay
                - coalesce(accounts.winners + accounts.rejected + accounts.duplicates, 0)
        end as unexplained_rows,
        loads.landed_at
    from counted
    inner join loads on counted.stream = loads.stream and counted.load_id = loads.load_id
    left join read_to on counted.stream = read_to.stream and counted.load_id <= read_to.load_id
    left join accounts on counted.stream = accounts.stream and counted.load_id = accounts.load_id
)

select * from final
