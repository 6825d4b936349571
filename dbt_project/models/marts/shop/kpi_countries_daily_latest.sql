with daily as (
    select * from {{ ref('kpi_countries_daily') }}
    where event_date = {{ latest_day(ref('int_country_views__daily'), ref('int_product_events__newest'), 'days.views > 0') }}
),

final as (
    select
        event_date,
        country_code,
        country_name,
        views,
        human_views,
        visitors,
        human_visitors,
        rank,
        human_rank
    from daily
)

select * from final
