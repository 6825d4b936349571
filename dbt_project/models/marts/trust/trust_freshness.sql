with freshness as (
    select * from {{ ref('freshness') }}
),

models as (
    select * from {{ ref('catalogue') }}
),

loads as (
    select * from {{ source('ledger', 'loads') }}
),

bounds as (
    select * from {{ source('progress', 'fact_bounds') }}
),

final as (
    select
        freshness.mart,
        freshness.stream,
        models.kind,
        freshness.loads_behind,
        extract(epoch from freshness.lag)::double precision as lag_seconds,
        freshness.newest_event_at,
        loads.landed_at as newest_landed_at,
        bounds.kept_from as facts_kept_from
    from freshness
    left join models on 'marts.' || freshness.mart = models.relation
    left join loads on freshness.stream = loads.stream and freshness.newest_load_id = loads.load_id
    left join bounds on freshness.stream = bounds.stream
)

select * from final
