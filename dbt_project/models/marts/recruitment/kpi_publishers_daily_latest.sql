with daily as (
    select * from {{ ref('kpi_publishers_daily') }}
    where event_date = {{ latest_day(ref('int_publisher_tracks__daily'), ref('int_job_events__newest')) }}
),

final as (
    select
        event_date,
        publisher_id,
        clicks,
        spend,
        cost_per_click,
        conversions,
        conversion_rate,
        cost_per_conversion,
        qualified,
        unqualified,
        qualified_rate
    from daily
)

select * from final
