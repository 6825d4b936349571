with slices as (
    select
        stream,
        load_id,
        sum(until_offset - from_offset)::bigint as offsets,
        sum(landed)::bigint as landed,
        sum(quarantined)::bigint as quarantined,
        sum(holes)::bigint as holes
    from {{ source('ledger', 'slices') }}
    group by 1, 2
),

-- records that were quarantined at first, and landed by a replay at their old position
replays as (
    select
        stream,
        replayed_load_id as load_id,
        count(*) as landed
    from {{ source('ledger', 'quarantine') }}
    where replayed_load_id is not null
    group by 1, 2
),

loads as (
    select
        coalesce(slices.stream, replays.stream) as stream,
        coalesce(slices.load_id, replays.load_id) as load_id,
        coalesce(slices.offsets, 0) as offsets,
        coalesce(slices.landed, 0) as landed_by_stream,
        coalesce(replays.landed, 0) as landed_by_replay,
        coalesce(slices.quarantined, 0) as quarantined,
        coalesce(slices.holes, 0) as holes
    from slices
    full join replays on slices.stream = replays.stream and slices.load_id = replays.load_id
),

accounts as (
    {{ rows_of_every_stream('accounts', ['load_id', 'winners', 'rejected', 'duplicates', 'conflicting_duplicates']) }}
),

-- loads that the models have not read yet are not accounted for yet
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
        loads.stream,
        loads.load_id,
        loads.offsets,
        loads.landed_by_stream + loads.landed_by_replay as landed,
        loads.quarantined,
        loads.holes,
        coalesce(accounts.winners, 0) as winners,
        coalesce(accounts.rejected, 0) as rejected,
        coalesce(accounts.duplicates, 0) as duplicates,
        coalesce(accounts.conflicting_duplicates, 0) as conflicting_duplicates,
        loads.offsets - loads.landed_by_stream - loads.quarantined - loads.holes as unexplained_offsets,
        loads.landed_by_stream + loads.landed_by_replay
        - coalesce(accounts.winners + accounts.rejected + accounts.duplicates, 0) as unexplained_rows
    from loads
    inner join read_to on loads.stream = read_to.stream and loads.load_id <= read_to.load_id
    left join accounts on loads.stream = accounts.stream and loads.load_id = accounts.load_id
)

select * from final
