with daily as (
    select * from {{ ref('kpi_stores_daily') }}
    where event_date = {{ latest_day(ref('int_store_views__daily'), ref('int_product_events__newest'), 'days.views > 0') }}
),

final as (
    select
        event_date,
        country_code,
        country_name,
        store_id,
        views,
        human_views,
        visitors,
        human_visitors,
        rank,
        human_rank
    from daily
)

select * from final
