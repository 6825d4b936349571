with actions as (
    select
        *,
        {{ web_action_kind('action') }} as action_kind
    from {{ ref('int_web_actions__5min') }}
),

watermark as (
    select * from {{ ref('int_web_requests__watermark') }}
),

windows as (
    select
        window_start,
        coalesce(sum(request_count) filter (where action_kind = 'checkout'), 0)::bigint as checkouts,
        sum(case action_kind when 'checkout' then server_errors else request_count end)::bigint as payment_errors,
        sum(request_count) as attempts,
        coalesce(sum(human_request_count) filter (where action_kind = 'checkout'), 0)::bigint as human_checkouts,
        sum(
            case action_kind when 'checkout' then human_server_errors else human_request_count end
        )::bigint as human_payment_errors,
        sum(human_request_count) as human_attempts
    from actions
    where action_kind in ('checkout', 'payment_error')
    group by window_start
),

final as (
    select
        windows.window_start,
        windows.checkouts,
        windows.payment_errors,
        windows.payment_errors / windows.attempts as error_ratio,
        windows.human_checkouts,
        windows.human_payment_errors,
        windows.human_payment_errors / nullif(windows.human_attempts, 0) as human_error_ratio,
        {{ is_complete_window('windows.window_start', 'watermark.newest_event_at') }} as is_complete,
        windows.attempts::bigint as attempts
    from windows
    cross join watermark
)

select * from final
