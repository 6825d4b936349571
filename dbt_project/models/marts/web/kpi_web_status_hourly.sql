with windows as (
    select * from {{ ref('int_web_statuses__5min') }}
),

hours as (
    select
        hour_start,
        status_class,
        sum(request_count) as request_count,
        sum(human_request_count) as human_request_count
    from windows
    group by 1, 2
),

final as (
    select
        hour_start,
        status_class,
        request_count::bigint as request_count,
        request_count / sum(request_count) over of_hour as request_ratio,
        human_request_count::bigint as human_request_count,
        human_request_count / nullif(sum(human_request_count) over of_hour, 0) as human_request_ratio
    from hours
    window of_hour as (partition by hour_start)
)

select * from final
