with daily as (
    select * from {{ ref('kpi_sessions_daily') }}
    where event_date = {{ latest_day(ref('int_product_sessions__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        channel,
        sessions,
        human_sessions,
        engaged_sessions,
        bounce_rate,
        views_per_session,
        median_duration_seconds
    from daily
)

select * from final
