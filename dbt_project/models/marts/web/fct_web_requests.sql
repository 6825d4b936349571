-- Without CTEs: only then does Postgres take a view apart for the models that recount a window or a session through it, and finds
-- their few requests by an index. With one it would join all requests that ever were, first.
select
    requests.event_key,
    requests.event_id,
    {{ raw_id('requests.user_id') }} as user_id,
    requests.user_key,
    requests.product_id,
    requests.product_key,
    requests.ip_key as ip_hash,
    requests.action,
    {{ web_action_kind('requests.action') }} as action_kind,
    coalesce(requests.user_agent, user_agents.user_agent) as user_agent,
    requests.user_agent_key,
    requests.response_seconds,
    requests.status_code,
    {{ status_class('requests.status_code') }} as status_class,
    {{ is_payment_error('requests.action', 'requests.status_code') }} as is_payment_error,
    coalesce(user_agents.is_bot, false) or bot_minutes.ip_hash is not null as is_bot,
    case
        when user_agents.is_bot then 'user_agent'
        when bot_minutes.ip_hash is not null then 'rate'
    end as bot_reason,
    requests.event_at,
    requests.kafka_timestamp,
    requests.landed_at,
    requests.is_from_future,
    requests.bad_casts,
    requests.load_id,
    requests.changed_load_id,
    greatest(requests.changed_load_id, bot_minutes.newest_load_id) as newest_load_id,
    requests.topic_id,
    requests.kafka_partition,
    requests.kafka_offset
from {{ ref('int_web_requests') }} as requests
left join {{ source('enrichment', 'user_agent') }} as user_agents on requests.user_agent_key = user_agents.user_agent_key
left join {{ ref('int_web_ip_minutes') }} as bot_minutes
    on
        requests.ip_key = bot_minutes.ip_hash and bot_minutes.minute_start = {{ calendar_minute('requests.event_at') }}
        and {{ is_bot_rate('bot_minutes.request_count') }}
