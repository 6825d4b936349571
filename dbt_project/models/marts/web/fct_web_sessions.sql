with sessions as (
    select * from {{ ref('int_web_sessions') }}
),

final as (
    select
        session_key as session_id,
        {{ raw_id('user_id') }} as user_id,
        started_at,
        ended_at,
        events,
        views,
        carts,
        checkouts,
        views >= {{ var('engaged_views') }} or carts > 0 or checkouts > 0 as is_engaged,
        is_bot,
        changed_load_id,
        user_key
    from sessions
)

select * from final
