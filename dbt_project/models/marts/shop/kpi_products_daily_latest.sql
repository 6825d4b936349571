with latest as (
    -- events from the future are in their day, and do not make it the latest one
    select max(event_date) as event_date
    from {{ ref('int_product_views__daily') }}
    where views > future_views
),

final as (
    select
        event_date,
        product_id,
        views,
        human_views,
        visitors,
        human_visitors,
        rank,
        human_rank
    from {{ ref('kpi_products_daily') }}
    where event_date = (select latest.event_date from latest)
)

select * from final
