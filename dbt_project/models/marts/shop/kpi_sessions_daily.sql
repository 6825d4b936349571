with daily as (
    select * from {{ ref('int_product_sessions__daily') }}
),

final as (
    select
        event_date,
        country_name,
        channel,
        sessions,
        human_sessions,
        engaged_sessions,
        bounced_sessions::numeric / nullif(sessions, 0) as bounce_rate,
        views::numeric / nullif(sessions, 0) as views_per_session,
        median_duration_seconds
    from daily
)

select * from final
