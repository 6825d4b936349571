-- A window's views of products are its requests with an action of that kind: two tables that are counted apart agree.
with views as (
    select
        window_start,
        sum(view_count) as views,
        sum(human_view_count) as human_views
    from {{ ref('int_web_product_views__5min') }}
    group by 1
),

actions as (
    select
        window_start,
        sum(request_count) as views,
        sum(human_request_count) as human_views
    from {{ ref('int_web_actions__5min') }}
    where {{ web_action_kind('action') }} = 'view'
    group by 1
)

select
    coalesce(views.window_start, actions.window_start) as window_start,
    views.views,
    actions.views as by_action
from views
full join actions on views.window_start = actions.window_start
where
    (views.views, views.human_views) is distinct from (actions.views, actions.human_views)
    and {{ are_as_far('web_logs', [ref('int_web_product_views__5min'), ref('int_web_actions__5min')]) }}
