with daily as (
    select * from {{ ref('int_product_views__daily') }}
    where views > 0
),

final as (
    select
        event_date,
        product_id,
        views,
        human_views,
        visitors,
        human_visitors,
        row_number() over (partition by event_date order by views desc, product_id collate "C") as rank,
        row_number() over (partition by event_date order by human_views desc, product_id collate "C") as human_rank
    from daily
)

select * from final
