with daily as (
    select * from {{ ref('int_publisher_tracks__daily') }}
),

final as (
    select
        daily.event_date,
        daily.publisher_id,
        {{ job_ratios('daily') }}
    from daily
)

select * from final
