with daily as (
    select * from {{ ref('kpi_referrers_daily') }}
    where event_date = {{ latest_day(ref('int_referrer_views__daily'), ref('int_product_events__newest'), 'days.views > 0') }}
),

final as (
    select
        event_date,
        referrer_url,
        referrer_host,
        medium,
        views,
        human_views,
        rank,
        human_rank,
        external_rank,
        human_external_rank
    from daily
)

select * from final
