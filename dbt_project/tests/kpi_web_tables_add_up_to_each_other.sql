-- Each request has one action and one class of status: two tables that are counted apart agree, where both have read as much.
with actions as (
    select
        window_start,
        sum(request_count) as requests,
        sum(human_request_count) as human_requests
    from {{ ref('int_web_actions__5min') }}
    group by 1
),

statuses as (
    select
        window_start,
        sum(request_count) as requests,
        sum(human_request_count) as human_requests
    from {{ ref('int_web_statuses__5min') }}
    group by 1
)

select
    coalesce(actions.window_start, statuses.window_start) as window_start,
    actions.requests as by_action,
    statuses.requests as by_status
from actions
full join statuses on actions.window_start = statuses.window_start
where
    (actions.requests, actions.human_requests) is distinct from (statuses.requests, statuses.human_requests)
    and {{ are_as_far('web_logs', [ref('int_web_actions__5min'), ref('int_web_statuses__5min')]) }}
